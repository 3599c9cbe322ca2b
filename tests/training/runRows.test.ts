/** Rows of a run's files: of whole ones, of torn ones, and of files that are none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completionsOf, problemsOf, rowsOf, samplesOf, workersOf } from '../../src/training/runRows.ts';
import { linesOf } from './filesOf.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const row = fc.record({
  phase: fc.constantFrom('pretrain', 'grpo'),
  step: fc.nat(),
  reward: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  'ä/名前': fc.string(),
});

describe('rows of metrics', () => {
  it('are the whole rows before any cut, and reading on from the end finds the rest', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 6 }), fc.nat(), (rows, at) => {
        const text = bytes(linesOf(rows));
        const cut = at % (text.length + 1);
        const first = rowsOf(text.subarray(0, cut));
        const rest = rowsOf(text.subarray(first.end));
        expect(first.end).toBeLessThanOrEqual(cut);
        // JSON has no negative zero.
        expect([...first.rows, ...rest.rows]).toEqual(JSON.parse(JSON.stringify(rows)));
        expect([first.skipped, rest.skipped, first.end + rest.end]).toEqual([0, 0, text.length]);
      }),
    );
  });

  it('skip lines that are no rows, and leave out values that are no metrics', () => {
    const good = { phase: 'grpo', step: 1, reward: 0.5, note: 'a', missing: null };
    const lines = [
      '{',
      '[]',
      '1',
      '"a"',
      '{}',
      '{"phase":1,"step":1}',
      '{"phase":"grpo","step":-1}',
      '{"phase":"grpo","step":1.5}',
    ];
    const odd = '{"phase":"grpo","step":2,"list":[1],"deep":{"a":1},"yes":true,"__proto__":{"reward":9}}';
    const read = rowsOf(bytes(`${lines.join('\n')}\n${JSON.stringify(good)}\n\n${odd}\n`));
    expect(read.rows).toEqual([good, { phase: 'grpo', step: 2 }]);
    expect(read.rows[1]?.reward).toBeUndefined();
    expect(read.skipped).toBe(lines.length);
  });

  it('are read from any bytes without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        for (const read of [rowsOf, problemsOf, completionsOf, samplesOf, workersOf]) {
          expect(read(noise).end).toBeLessThanOrEqual(noise.length);
        }
      }),
    );
  });
});

describe('rows of evaluations', () => {
  it('have the fields that readers use, of the right types', () => {
    const answered = { expression: '1+1', completion: '2', answer: '2', expected: '2', verdict: 'correct' };
    const silent = { ...answered, completion: '', answer: null, verdict: 'no answer' };
    const hostile = [{ ...answered, verdict: 1 }, { ...answered, expression: null }, null];
    const text = bytes(
      `${linesOf([{ id: 0, ...answered }, silent])}${hostile.map((each) => JSON.stringify(each)).join('\n')}\n`,
    );
    expect(completionsOf(text)).toEqual({ rows: [answered, silent], end: text.length, skipped: 3 });
    expect(
      problemsOf(bytes(linesOf([{ id: 3, expression: '1', answer: '1', depth: 0 }, { expression: 1 }]))),
    ).toMatchObject({
      rows: [{ expression: '1', answer: '1' }],
      skipped: 1,
    });
  });

  it('of samples have NaN where JSON has null', () => {
    const sample = {
      step: 5,
      prompt: '1+1',
      completion: '2',
      answer: null,
      expected: '2',
      reward: null,
      advantage: 0.5,
      truncated: true,
    };
    expect(samplesOf(bytes(linesOf([sample, { ...sample, step: -1 }])))).toMatchObject({
      rows: [{ ...sample, reward: Number.NaN }],
      skipped: 1,
    });
  });
});
