import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrowingRows } from '../../../app/src/data/growingRows.ts';
import { rowsOf } from '../../../src/training/runRows.ts';

const rows = fc.array(
  fc.record({
    phase: fc.constantFrom('pretrain', 'grpo'),
    step: fc.nat(),
    note: fc.string({ unit: 'grapheme' }),
  }),
);

describe('GrowingRows', () => {
  it('give the rows of a file that comes in any pieces, each once', () => {
    fc.assert(
      fc.property(rows, fc.array(fc.nat(500)), (values, cuts) => {
        const bytes = new TextEncoder().encode(values.map((row) => `${JSON.stringify(row)}\n`).join(''));
        const places = [0, ...cuts, bytes.length]
          .map((cut) => Math.min(cut, bytes.length))
          .sort((a, b) => a - b);
        const lines = new GrowingRows(rowsOf);
        const read = places.flatMap((place, i) => lines.push(bytes.subarray(place, places[i + 1] ?? place)));
        expect(read).toEqual(values);
      }),
    );
  });

  it('leave out lines that are no rows, and wait for the end of the last', () => {
    const lines = new GrowingRows(rowsOf);
    const push = (text: string) => lines.push(new TextEncoder().encode(text));
    expect(push('nonsense\n{"phase":"grpo","step":1}\n{"phase":"gr')).toEqual([{ phase: 'grpo', step: 1 }]);
    expect(push('po","step":2}')).toEqual([]);
    expect(push('\n')).toEqual([{ phase: 'grpo', step: 2 }]);
  });

  it('read on behind what they took, unless that was cut from the file, whatever it is now', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(), fc.nat(), rows, async (values, at, cut, others) => {
        const encode = (some: readonly object[]) =>
          new TextEncoder().encode(some.map((row) => `${JSON.stringify(row)}\n`).join(''));
        const file = encode(values);
        const taken = file.subarray(0, at % (file.length + 1));
        const lines = new GrowingRows(rowsOf);
        lines.push(taken);
        expect(lines.end).toBe(taken.length);
        expect(await lines.rest(async (from) => file.subarray(from))).toEqual(file.subarray(taken.length));
        if (taken.length === 0) return;
        const kept = file.subarray(0, cut % taken.length);
        const grown = Buffer.concat([kept, encode([{ phase: 'other', step: 0 }, ...others])]);
        const tail = taken.subarray(-64);
        const isSame = Buffer.from(tail).equals(grown.subarray(taken.length - tail.length, taken.length));
        expect((await lines.rest(async (from) => grown.subarray(from))) === undefined).toBe(!isSame);
        expect(await lines.rest(async (from) => kept.subarray(from))).toBeUndefined();
      }),
    );
  });
});
