/** Accuracies and their comparison, as numbers for summary.json and as text for people. */
import {
  type Interval,
  mcnemarExact,
  meanDifferenceInterval,
  meanInterval,
  pairedCounts,
  pairedDifferenceInterval,
  passAtK,
  wilsonInterval,
} from '../base/statistics.ts';

export interface Accuracy {
  readonly correct: number;
  readonly total: number;
  /** Share of correct answers, with the ends of Wilson's 95 % interval. */
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
}

export interface Improvement {
  /** accuracy(second) − accuracy(first) on the same problems, with the ends of its paired 95 % interval. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** McNemar's exact test. */
  readonly mcnemarP: number;
  /** Problems that exactly one of the two got right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
}

export function accuracyOf(results: readonly boolean[]): Accuracy {
  const correct = results.filter(Boolean).length;
  const { estimate, low, high } = wilsonInterval(correct, results.length);
  return { correct, total: results.length, accuracy: estimate, low, high };
}

export function improvementOf(first: readonly boolean[], second: readonly boolean[]): Improvement {
  const counts = pairedCounts(first, second);
  const { estimate, low, high } = pairedDifferenceInterval(counts);
  const { onlyFirst, onlySecond } = counts;
  return { difference: estimate, low, high, mcnemarP: mcnemarExact(counts), onlyFirst, onlySecond };
}

/** By k: 1, 2, 4 and so on, up to the number of samples. */
export type PassAtK = Readonly<Record<string, Interval>>;

/** pass@k with its 95 % interval over the problems, from how many of n samples of each are right. */
export function passAtKOf(counts: readonly number[], n: number): PassAtK {
  return byPowerOfTwo(n, (k) => meanInterval(sharesOf(counts, n, k)));
}

/** pass@k of the second less that of the first on the same problems, with its paired 95 % interval. */
export function passAtKDifferenceOf(first: readonly number[], second: readonly number[], n: number): PassAtK {
  return byPowerOfTwo(n, (k) => meanDifferenceInterval(sharesOf(first, n, k), sharesOf(second, n, k)));
}

function sharesOf(counts: readonly number[], n: number, k: number): number[] {
  return counts.map((c) => passAtK(n, c, k));
}

function byPowerOfTwo(most: number, intervalAt: (k: number) => Interval): PassAtK {
  const powers = Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, exponent) => 2 ** exponent);
  return Object.fromEntries(powers.map((k) => [k, intervalAt(k)]));
}

/** Lines such as `pass@4: 61.20%, 95% interval 58.11% to 64.25%`. */
export function passAtKLines(passAtK: PassAtK): string[] {
  return Object.entries(passAtK).map(
    ([k, { estimate, low, high }]) =>
      `pass@${k}: ${percent(estimate)}%, 95% interval ${percent(low)}% to ${percent(high)}%`,
  );
}

/** Lines such as `pass@4 difference: +3.20 points, 95% interval +1.11 to +5.25`. */
export function passAtKDifferenceLines(difference: PassAtK): string[] {
  return Object.entries(difference).map(
    ([k, { estimate, low, high }]) =>
      `pass@${k} difference: ${signed(estimate)} points, 95% interval ${signed(low)} to ${signed(high)}`,
  );
}

/** `45.00% (45/100)`. */
export function accuracyText({ accuracy, correct, total }: Accuracy): string {
  return `${percent(accuracy)}% (${correct}/${total})`;
}

/** `45.00% (45/100), 95% interval 35.61% to 54.76%`. */
export function accuracyWithInterval(accuracy: Accuracy): string {
  return `${accuracyText(accuracy)}, 95% interval ${percent(accuracy.low)}% to ${percent(accuracy.high)}%`;
}

/** `+15.00 points, 95% interval +4.61 to +24.80, McNemar p = 0.0034`. */
export function improvementText({ difference, low, high, mcnemarP }: Improvement): string {
  const interval = `95% interval ${signed(low)} to ${signed(high)}`;
  return `${signed(difference)} points, ${interval}, McNemar p = ${probabilityText(mcnemarP)}`;
}

function percent(share: number): string {
  return (100 * share).toFixed(2);
}

function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${percent(share)}`;
}

function probabilityText(p: number): string {
  return p >= 0.001 ? p.toFixed(3) : p.toExponential(1);
}
