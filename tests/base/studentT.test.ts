/** Student's t against SciPy 1.17, closed forms, and a simulation. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/arguments.ts';
import { RandomStream } from '../../src/base/randomStream.ts';
import { holm, pairedTTest, studentP, studentT95, tInterval, welchTTest } from '../../src/base/studentT.ts';

const close = (value: number, digits = 12): number => expect.closeTo(value, digits);

describe('the distribution', () => {
  // scipy.stats.t.ppf(0.975, df)
  test.each([
    [1, 12.706204736174694],
    [2, 4.302652729749462],
    [3, 3.1824463052837078],
    [4, 2.7764451051977934],
    [7, 2.364624251592784],
    [9.5, 2.2441374614922958],
    [29, 2.045229642132703],
    [1000, 1.9623390808264083],
  ])('has its 95 %% point for %d degrees of freedom', (degrees, t) => {
    expect(studentT95(degrees)).toEqual(close(t, 11));
  });

  // 2 * scipy.stats.t.sf(t, df)
  test.each([
    [1, 1, 0.5],
    [2.5, 2, 0.12961172022151082],
    [0.1, 3, 0.9266523488008059],
    [4, 7, 0.005189913349296813],
    [12, 4, 0.000276428548502973],
    [3.3, 2.7, 0.05324215291873395],
    [2, 200, 0.04685318618707097],
  ])('of t = %d with %d degrees of freedom has its tails', (t, degrees, p) => {
    expect(studentP(t, degrees)).toEqual(close(p));
    expect(studentP(-t, degrees)).toBe(studentP(t, degrees));
  });

  test('is Cauchy’s with one degree of freedom, and has a closed form with two', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e4, noNaN: true }), (t) => {
        expect(studentP(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(t), 12);
        expect(studentP(t, 2)).toBeCloseTo(1 - t / Math.sqrt(2 + t * t), 12);
      }),
    );
  });
});

describe('intervals and tests', () => {
  const first = [0.61, 0.58, 0.64, 0.6];
  const second = [0.66, 0.6, 0.69, 0.66];

  test('of a mean', () => {
    // stats.t.interval(0.95, 3, mean, sem)
    expect(tInterval(first)).toEqual({
      estimate: close(0.6075),
      low: close(0.5677194211839537),
      high: close(0.6472805788160464),
    });
    expect(tInterval([2, 2])).toEqual({ estimate: 2, low: 2, high: 2 });
  });

  test('of pairs', () => {
    // stats.ttest_rel(second, first)
    expect(pairedTTest(first, second)).toEqual({
      estimate: close(0.045),
      low: close(0.017439206534443828),
      high: close(0.07256079346555619),
      p: close(0.013846832988859045),
    });
  });

  test('of independent values', () => {
    // stats.ttest_ind(…, equal_var=False)
    expect(welchTTest(first.slice(0, 3), [0.66, 0.6, 0.69, 0.72])).toEqual({
      estimate: close(0.0575),
      low: close(-0.02273811577059949),
      high: close(0.13773811577059947),
      p: close(0.1238620478677266),
    });
  });

  test('without any spread', () => {
    expect(pairedTTest([1, 2], [1, 2])).toEqual({ estimate: 0, low: 0, high: 0, p: 1 });
    expect(pairedTTest([1, 2], [2, 3])).toMatchObject({ estimate: 1, p: 0 });
    expect(welchTTest([1, 1], [1, 1])).toMatchObject({ estimate: 0, p: 1 });
  });

  test('refuse too few values', () => {
    for (const values of [[], [1]]) {
      expect(() => tInterval(values)).toThrow(ArgumentError);
      expect(() => pairedTTest(values, values)).toThrow(ArgumentError);
      expect(() => welchTTest(values, first)).toThrow(ArgumentError);
      expect(() => welchTTest(first, values)).toThrow(ArgumentError);
    }
    expect(() => pairedTTest([1, 2], [1, 2, 3])).toThrow(/got 2 and 3 values; give pairs/);
  });

  test('hold the mean in 95 of 100 samples, and find what is not there in 5', () => {
    const random = new RandomStream({ seed: 1, stream: 0 });
    // The sum of twelve uniform values is nearly normal.
    const normal = (): number =>
      Array.from({ length: 12 }, () => random.nextUint32() / 2 ** 32).reduce((a, b) => a + b) - 6;
    const sample = (): number[] => [normal(), normal(), normal(), normal()];
    const TIMES = 1000;
    let [held, paired, independent] = [0, 0, 0];
    for (let i = 0; i < TIMES; i++) {
      const [a, b] = [sample(), sample()];
      const { low, high } = tInterval(a);
      if (low <= 0 && high >= 0) held++;
      if (pairedTTest(a, b).p < 0.05) paired++;
      if (welchTTest(a, b).p < 0.05) independent++;
    }
    expect(held / TIMES).toBeCloseTo(0.95, 1);
    for (const found of [paired, independent]) {
      expect(found / TIMES).toBeGreaterThan(0.025);
      expect(found / TIMES).toBeLessThan(0.075);
    }
  });
});

describe('Holm', () => {
  test('multiplies the smallest by the number of tests, the next by one less, and never falls', () => {
    // By hand: 0.01·4, 0.02·3 = 0.06, 0.022·2 = 0.044 → 0.06, 0.5·1.
    expect(holm([0.02, 0.01, 0.5, 0.022])).toEqual([0.06, 0.04, 0.5, 0.06]);
    expect(holm([])).toEqual([]);
    expect(holm([0.3])).toEqual([0.3]);
    expect(holm([0.6, 0.7])).toEqual([1, 1]);
  });

  test('keeps the order, and is at most as strict as multiplying all', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (ps) => {
        for (const [i, p] of holm(ps).entries()) {
          expect(p).toBeGreaterThanOrEqual(ps[i] ?? 0);
          expect(p).toBeLessThanOrEqual(Math.min(1, ps.length * (ps[i] ?? 0)));
        }
      }),
    );
  });
});
