import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Smoothed } from '../../../app/src/charts/smoothing.ts';

const values = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.double({ min: -10, max: 10, noNaN: true }) },
      fc.constant(Number.NaN),
    ),
  )
  .map((array) => Float64Array.from(array));
const beta = fc.double({ min: 0, max: 0.999, noNaN: true });

/** The weighted mean that the average is: value i of n has the weight β^(n − i). */
function weightedMean(measured: readonly number[], weight: number): number {
  const weights = measured.map((_, i) => weight ** (measured.length - 1 - i));
  const sum = measured.reduce((total, value, i) => total + value * (weights[i] ?? 0), 0);
  return sum / weights.reduce((total, each) => total + each, 0);
}

describe('Smoothed', () => {
  it('is the mean with weights that fall by β', () => {
    fc.assert(
      fc.property(values, beta, (array, weight) => {
        const smoothed = new Smoothed(weight).update(array);
        for (const [i, value] of array.entries()) {
          if (Number.isNaN(value)) {
            expect(smoothed[i]).toBeNaN();
            continue;
          }
          const measured = [...array.subarray(0, i + 1)].filter((each) => !Number.isNaN(each));
          expect(smoothed[i]).toBeCloseTo(weightedMean(measured, weight), 6);
        }
      }),
    );
  });

  it('gives the same in one go and in parts', () => {
    fc.assert(
      fc.property(values, beta, fc.array(fc.nat(120), { maxLength: 5 }), (array, weight, cuts) => {
        const growing = new Smoothed(weight);
        for (const cut of cuts.toSorted((a, b) => a - b)) growing.update(array.slice(0, cut));
        expect(growing.update(array)).toEqual(new Smoothed(weight).update(array));
      }),
    );
  });

  it('begins again for another series', () => {
    const smoothed = new Smoothed(0.5);
    smoothed.update(Float64Array.of(1, 2, 3));
    expect([...smoothed.update(Float64Array.of(5, 5, 5, 5))]).toEqual([5, 5, 5, 5]);
    expect([...smoothed.update(Float64Array.of(7))]).toEqual([7]);
  });

  it('leaves a series as it is for β = 0', () => {
    expect([...new Smoothed(0).update(Float64Array.of(3, -1, 4))]).toEqual([3, -1, 4]);
  });
});
