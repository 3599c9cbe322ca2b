/** Intervals and tests against published values, exact BigInt sums and simulated coverage. */

import { describe, expect, test } from 'vitest';
import { OptionError } from '../../src/math/errors.ts';
import { RandomStream } from '../../src/math/randomStream.ts';
import {
  mcnemarExact,
  pairedCounts,
  pairedDifferenceInterval,
  wilsonInterval,
} from '../../src/math/statistics.ts';

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
    expect(() => wilsonInterval(correct, total)).toThrow(OptionError);
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
    expect(() => pairedCounts([true], [true, false])).toThrow(OptionError);
    expect(() => pairedCounts([], [])).toThrow(OptionError);
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
