import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimate, lowerBound, nearest } from '../../../app/src/charts/decimate.ts';

const values = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.double({ noNaN: true }) }, fc.constant(Number.NaN)), {
    maxLength: 400,
  })
  .map((array) => Float64Array.from(array));
const sorted = fc
  .uniqueArray(fc.integer({ min: -1000, max: 1000 }), { maxLength: 60 })
  .map((array) => Float64Array.from(array).sort());

const extremes = (numbers: readonly number[]): readonly number[] => {
  const measured = numbers.filter((number) => !Number.isNaN(number));
  return [Math.min(...measured), Math.max(...measured)];
};

describe('decimate', () => {
  const ranged = fc
    .tuple(values, fc.nat(400), fc.nat(400), fc.integer({ min: 1, max: 50 }))
    .map(([array, a, b, parts]) => {
      const [from = 0, to = 0] = [a, b].map((end) => Math.min(end, array.length)).sort((x, y) => x - y);
      return { array, from, to, parts };
    });

  it('chooses ascending indices of the range, the first and the last among them, not many', () => {
    fc.assert(
      fc.property(ranged, ({ array, from, to, parts }) => {
        const chosen = decimate(array, from, to, parts);
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
        expect(chosen.length).toBeLessThanOrEqual(2 * parts + 2);
        if (to > from) expect([chosen[0], chosen.at(-1)]).toEqual([from, to - 1]);
        else expect(chosen).toEqual([]);
      }),
    );
  });

  it('keeps the extremes of the whole and of every part', () => {
    fc.assert(
      fc.property(ranged, ({ array, from, to, parts }) => {
        const chosen = decimate(array, from, to, parts);
        const count = to - from;
        for (let part = 0; part < parts; part++) {
          const start = from + Math.floor((part * count) / parts);
          const end = from + Math.floor(((part + 1) * count) / parts);
          const all = [...array.subarray(start, end)];
          const kept = chosen.filter((i) => i >= start && i < end).map((i) => array[i] ?? Number.NaN);
          expect(extremes(kept)).toEqual(extremes(all));
          expect(kept.length > 0).toBe(all.length > 0);
        }
      }),
    );
  });

  it('keeps all of a short range', () => {
    expect(decimate(Float64Array.of(1, 2, 3, 4), 1, 4, 2)).toEqual([1, 2, 3]);
  });

  it('keeps a peak of one point among a million', () => {
    const array = new Float64Array(1_000_000);
    array[654_321] = 1;
    expect(decimate(array, 0, array.length, 100)).toContain(654_321);
  });
});

describe('lowerBound and nearest', () => {
  it('agree with a search from the start', () => {
    fc.assert(
      fc.property(sorted, fc.double({ min: -1100, max: 1100, noNaN: true }), (array, x) => {
        const found = array.findIndex((value) => value >= x);
        expect(lowerBound(array, x)).toBe(found < 0 ? array.length : found);
        const distances = [...array].map((value) => Math.abs(value - x));
        expect(nearest(array, x)).toBe(distances.indexOf(Math.min(...distances)));
      }),
    );
  });
});
