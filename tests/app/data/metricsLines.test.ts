import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricsLines } from '../../../app/src/data/metricsLines.ts';

const rows = fc.array(
  fc.record({
    phase: fc.constantFrom('pretrain', 'grpo'),
    step: fc.nat(),
    note: fc.string({ unit: 'grapheme' }),
  }),
);

describe('MetricsLines', () => {
  it('give the rows of a file that comes in any pieces, each once', () => {
    fc.assert(
      fc.property(rows, fc.array(fc.nat(500)), (values, cuts) => {
        const bytes = new TextEncoder().encode(values.map((row) => `${JSON.stringify(row)}\n`).join(''));
        const places = [0, ...cuts, bytes.length]
          .map((cut) => Math.min(cut, bytes.length))
          .sort((a, b) => a - b);
        const lines = new MetricsLines();
        const read = places.flatMap((place, i) => lines.push(bytes.subarray(place, places[i + 1] ?? place)));
        expect(read).toEqual(values);
      }),
    );
  });

  it('leave out lines that are no rows, and wait for the end of the last', () => {
    const lines = new MetricsLines();
    const push = (text: string) => lines.push(new TextEncoder().encode(text));
    expect(push('nonsense\n{"phase":"grpo","step":1}\n{"phase":"gr')).toEqual([{ phase: 'grpo', step: 1 }]);
    expect(push('po","step":2}')).toEqual([]);
    expect(push('\n')).toEqual([{ phase: 'grpo', step: 2 }]);
  });
});
