/** Accuracies, improvements and pass@k: hand-worked counts, and their text. */
import { describe, expect, test } from 'vitest';
import {
  accuracyText,
  accuracyWithInterval,
  improvementText,
  passAtKDifferenceLines,
  passAtKLines,
} from '../../src/cli/accuracyText.ts';
import { accuracyOf, improvementOf, passAtKDifferenceOf, passAtKOf } from '../../src/training/accuracy.ts';

const times = (count: number, value: boolean): boolean[] => Array.from({ length: count }, () => value);

describe('one checkpoint', () => {
  test('45 of 100, with the interval that Wilson’s formula gives by hand', () => {
    const accuracy = accuracyOf([...times(45, true), ...times(55, false)]);
    expect(accuracy).toEqual({
      ...{ correct: 45, total: 100, accuracy: 0.45 },
      ...{ low: expect.closeTo(0.35615, 4), high: expect.closeTo(0.54755, 4) },
    });
    expect(accuracyText(accuracy)).toBe('45.00% (45/100)');
    expect(accuracyWithInterval(accuracy)).toBe('45.00% (45/100), 95% interval 35.61% to 54.76%');
  });
});

describe('two checkpoints on the same problems', () => {
  // Both right 1, only the first 2, only the second 12, neither 5.
  const first = [...times(3, true), ...times(17, false)];
  const second = [true, ...times(2, false), ...times(12, true), ...times(5, false)];

  test('a gain: its difference, its interval and McNemar’s test', () => {
    const gain = improvementOf(first, second);
    expect(gain).toMatchObject({ difference: 0.5, onlyFirst: 2, onlySecond: 12 });
    // 2 · (1 + 14 + 91) / 2^14.
    expect(gain.mcnemarP).toBeCloseTo(212 / 16_384, 12);
    expect(gain.low).toBeGreaterThan(0);
    expect(gain.high).toBeLessThan(1);
    const { low, high } = gain;
    const points = (share: number): string => `+${(100 * share).toFixed(2)}`;
    expect(improvementText(gain)).toBe(
      `+50.00 points, 95% interval ${points(low)} to ${points(high)}, McNemar p = 0.013`,
    );
  });

  test('a loss is the gain turned round, and says so', () => {
    const [gain, loss] = [improvementOf(first, second), improvementOf(second, first)];
    expect(loss).toMatchObject({ difference: -0.5, onlyFirst: 12, onlySecond: 2, mcnemarP: gain.mcnemarP });
    expect(loss.low).toBeCloseTo(-gain.high, 12);
    expect(loss.high).toBeCloseTo(-gain.low, 12);
    expect(improvementText(loss)).toMatch(/^-50\.00 points, 95% interval -\d+\.\d\d to -\d+\.\d\d, /);
  });

  test('a small p is written as a power of ten, from 0.001 on as a decimal', () => {
    const p = (mcnemarP: number): string | undefined =>
      improvementText({ ...improvementOf(first, second), mcnemarP }).split('p = ')[1];
    expect([p(2.34e-5), p(0.00099), p(0.001), p(1)]).toEqual(['2.3e-5', '9.9e-4', '0.001', '1.000']);
  });
});

describe('pass@k', () => {
  test('of powers of two up to the number of samples', () => {
    // 4 samples of each of two problems: 1 and 4 are right.
    const shares = passAtKOf([1, 4], 4);
    expect(Object.keys(shares)).toEqual(['1', '2', '4']);
    // 1 − C(3, k)/C(4, k) = 1/4, 1/2, 1 of the first; 1 of the second.
    expect(Object.values(shares).map(({ estimate }) => estimate)).toEqual([0.625, 0.75, 1]);
    expect(Object.keys(passAtKOf([1], 7))).toEqual(['1', '2', '4']);
    expect(Object.keys(passAtKOf([1], 8))).toEqual(['1', '2', '4', '8']);
    expect(passAtKLines({ 4: { estimate: 0.612, low: 0.5811, high: 0.6425 } })).toEqual([
      'pass@4: 61.20%, 95% interval 58.11% to 64.25%',
    ]);
  });

  test('differences are of the second less the first', () => {
    const difference = passAtKDifferenceOf([1, 4], [2, 4], 4);
    expect(difference['1']?.estimate).toBeCloseTo(0.125, 12);
    expect(passAtKDifferenceOf([2, 4], [1, 4], 4)['1']?.estimate).toBeCloseTo(-0.125, 12);
    expect(passAtKDifferenceLines({ 2: { estimate: 0.032, low: -0.0111, high: 0 } })).toEqual([
      'pass@2 difference: +3.20 points, 95% interval -1.11 to +0.00',
    ]);
  });
});
