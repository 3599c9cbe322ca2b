/** Intervals and tests against published values, exact BigInt sums and simulated coverage. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/arguments.ts';
import { RandomStream } from '../../src/base/randomStream.ts';
import {
  mcnemarExact,
  meanDifferenceInterval,
  meanInterval,
  pairedCounts,
  pairedDifferenceInterval,
  passAtK,
  wilsonInterval,
} from '../../src/base/statistics.ts';

describe('Wilson', () => {
  // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
  test.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('%i of %i', (correct, total, low, high) => {
    const interval = wilsonInterval(correct, total);
    expect(interval.estimate).toBe(correct / total);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  test('mirrors at the other end', () => {
    expect(wilsonInterval(20, 20)).toEqual({ estimate: 1, low: expect.closeTo(1 - 0.1611, 4), high: 1 });
  });

  test.each([
    [1, 0],
    [3, 2],
    [-1, 2],
    [0.5, 2],
  ])('refuses %d of %d', (correct, total) => {
    expect(() => wilsonInterval(correct, total)).toThrow(ArgumentError);
  });
});

/** 2·P(X ≤ min) for X binomial(n, ½), in exact integers until the last division. */
function exactMcnemar(b: number, c: number): number {
  const n = BigInt(b + c);
  let coefficient = 1n;
  let sum = 1n;
  for (let k = 1n; k <= BigInt(Math.min(b, c)); k++) {
    coefficient = (coefficient * (n - k + 1n)) / k;
    sum += coefficient;
  }
  const scaled = (2n * sum * 10n ** 30n) / 2n ** n;
  return Math.min(1, Number(scaled) / 1e30);
}

describe('McNemar', () => {
  test.each([
    [0, 5, 2 / 32],
    [3, 9, (2 * (1 + 12 + 66 + 220)) / 4096],
    [9, 3, (2 * (1 + 12 + 66 + 220)) / 4096],
    [4, 4, 1],
    [0, 0, 1],
  ])('%i against %i by hand', (onlyFirst, onlySecond, p) => {
    expect(mcnemarExact({ total: 100, onlyFirst, onlySecond })).toBeCloseTo(p, 12);
  });

  test.each([
    [121, 59],
    [700, 640],
    [1200, 1100],
  ])('%i against %i equals the exact sum', (b, c) => {
    const p = mcnemarExact({ total: 5000, onlyFirst: b, onlySecond: c });
    expect(p / exactMcnemar(b, c)).toBeCloseTo(1, 9);
  });

  test('counts the discordant pairs of two arrays', () => {
    const counts = pairedCounts([true, true, false, false, true], [true, false, true, false, false]);
    expect(counts).toEqual({ total: 5, onlyFirst: 2, onlySecond: 1 });
    expect(() => pairedCounts([true], [true, false])).toThrow(ArgumentError);
    expect(() => pairedCounts([], [])).toThrow(ArgumentError);
  });
});

describe('paired difference', () => {
  test('by hand: 16/102 − 6/102 ± 1.96·√((22/102 − (10/102)²)/102)', () => {
    const { estimate, low, high } = pairedDifferenceInterval({ total: 100, onlyFirst: 5, onlySecond: 15 });
    expect(estimate).toBeCloseTo(0.1, 12);
    expect(low).toBeCloseTo(0.00994, 4);
    expect(high).toBeCloseTo(0.18614, 4);
  });

  test('covers the true difference about 95 times in 100', () => {
    const random = new RandomStream({ seed: 1, stream: 0 });
    const trials = 3000;
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      let onlyFirst = 0;
      let onlySecond = 0;
      for (let i = 0; i < 150; i++) {
        const draw = random.integerBelow(100);
        if (draw < 6) onlyFirst++;
        else if (draw < 18) onlySecond++;
      }
      const { low, high } = pairedDifferenceInterval({ total: 150, onlyFirst, onlySecond });
      if (low <= 0.06 && 0.06 <= high) covered++;
    }
    expect(covered / trials).toBeGreaterThan(0.935);
    expect(covered / trials).toBeLessThan(0.97);
  });
});

/** Share of the subsets of k of n samples, of which the first c are right, that hold a right one. */
function shareOfSubsets(n: number, c: number, k: number): number {
  let subsets = 0;
  let passing = 0;
  for (let members = 0; members < 2 ** n; members++) {
    if (members.toString(2).replaceAll('0', '').length !== k) continue;
    subsets++;
    if (members % 2 ** c !== 0) passing++;
  }
  return passing / subsets;
}

describe('pass@k', () => {
  const counts = fc
    .integer({ min: 1, max: 300 })
    .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n }), fc.integer({ min: 1, max: n })));

  test('is the share of all subsets with a right sample', () => {
    for (let n = 1; n <= 8; n++)
      for (let c = 0; c <= n; c++)
        for (let k = 1; k <= n; k++) expect(passAtK(n, c, k)).toBeCloseTo(shareOfSubsets(n, c, k), 12);
  });

  test('of one is the share of right samples', () => {
    fc.assert(
      fc.property(counts, ([n, c]) => {
        expect(passAtK(n, c, 1)).toBeCloseTo(c / n, 12);
      }),
    );
  });

  test('grows with k and with c, from 0 to 1', () => {
    const property = fc.property(counts, ([n, c, k]) => {
      const value = passAtK(n, c, k);
      if (k < n) expect(passAtK(n, c, k + 1)).toBeGreaterThanOrEqual(value - 1e-12);
      if (c < n) expect(passAtK(n, c + 1, k)).toBeGreaterThanOrEqual(value - 1e-12);
      expect(passAtK(n, 0, k)).toBe(0);
      expect(passAtK(n, n, k)).toBe(1);
      expect(passAtK(n, c, n)).toBe(c > 0 ? 1 : 0);
    });
    fc.assert(property);
  });

  test.each([
    [4, 2, 5],
    [4, 5, 1],
    [4, -1, 1],
    [0, 0, 1],
    [4, 2, 0],
    [4, 2, 1.5],
  ])('refuses n = %d, c = %d, k = %d', (n, c, k) => {
    expect(() => passAtK(n, c, k)).toThrow(ArgumentError);
  });
});

describe('intervals of means', () => {
  test('by hand: 60 of 100 is 62/104 ± 1.96·√(62/104·42/104/104), after Agresti and Coull', () => {
    const shares = Array.from({ length: 100 }, (_, i) => (i < 60 ? 1 : 0));
    const { estimate, low, high } = meanInterval(shares);
    expect(estimate).toBe(0.6);
    expect(low).toBeCloseTo(0.50185, 4);
    expect(high).toBeCloseTo(0.69046, 4);
  });

  test('of differences of 0 and 1 are those of the paired counts', () => {
    const answers = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 50 });
    const property = fc.property(answers, (pairs) => {
      const [first, second] = [pairs.map(([right]) => right), pairs.map(([, right]) => right)];
      const expected = pairedDifferenceInterval(pairedCounts(first, second));
      expect(meanDifferenceInterval(first.map(Number), second.map(Number))).toEqual(expected);
    });
    fc.assert(property);
  });

  test('never claim certainty, and hold their estimate', () => {
    const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 });
    const property = fc.property(shares, (values) => {
      const interval = meanInterval(values);
      expect(interval.high - interval.low).toBeGreaterThan(0.01);
      expect(interval.low).toBeLessThanOrEqual(interval.estimate);
      expect(interval.high).toBeGreaterThanOrEqual(interval.estimate);
    });
    fc.assert(property);
  });

  test('cover the mean of pass@2 and of its gain about 95 times in 100', () => {
    const random = new RandomStream({ seed: 2, stream: 0 });
    // Each problem is easy, hard or in between; the second checkpoint is better at those in between.
    const abilities = [
      [0.9, 0.9],
      [0.05, 0.05],
      [0.4, 0.6],
    ];
    const draw = (ability: number) =>
      passAtK(8, Array.from({ length: 8 }, () => random.bool(ability)).filter(Boolean).length, 2);
    const truth = (which: 0 | 1) =>
      abilities.reduce((sum, pair) => sum + 1 - (1 - (pair[which] ?? 0)) ** 2, 0) / abilities.length;
    const trials = 1500;
    const covered = { mean: 0, gain: 0 };
    const holds = ({ low, high }: { low: number; high: number }, value: number) =>
      low <= value && value <= high ? 1 : 0;
    for (let trial = 0; trial < trials; trial++) {
      const problems = Array.from({ length: 60 }, () => abilities[random.integerBelow(3)] ?? [0, 0]);
      const first = problems.map(([ability]) => draw(ability));
      const second = problems.map(([, ability]) => draw(ability));
      covered.mean += holds(meanInterval(first), truth(0));
      covered.gain += holds(meanDifferenceInterval(first, second), truth(1) - truth(0));
    }
    for (const count of Object.values(covered)) expect(count / trials).toBeGreaterThan(0.93);
  });
});
