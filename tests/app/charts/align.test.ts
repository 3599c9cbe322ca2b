import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { align } from '../../../app/src/charts/align.ts';

const points = fc
  .uniqueArray(fc.integer({ min: 0, max: 50 }))
  .map((x) => x.toSorted((a, b) => a - b))
  .map((x) => ({ x, y: x.map((place) => (place % 5 === 0 ? Number.NaN : place * 2)) }));

describe('align', () => {
  it('keeps every point at its place, and adds none', () => {
    fc.assert(
      fc.property(fc.array(points, { maxLength: 5 }), (series) => {
        const { x, y } = align(series);
        expect(x).toEqual([...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b));
        for (const [i, one] of series.entries()) {
          const back = x.flatMap((place, j) => (y[i]?.[j] === undefined ? [] : [[place, y[i]?.[j]]]));
          expect(back).toEqual(one.x.map((place, j) => [place, Number.isNaN(one.y[j]) ? null : one.y[j]]));
        }
      }),
    );
  });
});
