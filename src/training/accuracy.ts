/** Accuracies and their comparison, with intervals and tests. */
import {
  type Interval,
  mcnemarExact,
  meanDifferenceInterval,
  meanInterval,
  type PairedCounts,
  pairedCounts,
  pairedDifferenceInterval,
  passAtK,
  wilsonInterval,
} from '../base/statistics.ts';

/** The accuracy on held-out problems. */
export interface Accuracy {
  readonly correct: number;
  readonly total: number;
  /** Share of correct answers; `low` and `high` are the ends of Wilson's 95 % interval. */
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
}

/** The comparison of two models on the same problems. */
export interface Improvement extends Pick<Interval, 'low' | 'high'>, Omit<PairedCounts, 'total'> {
  /** accuracy(second) − accuracy(first) on the same problems; `low` and `high` are the ends of its paired 95 % interval. */
  readonly difference: number;
  /** McNemar's exact test. */
  readonly mcnemarP: number;
}

/** Count correct answers. */
export function accuracyOf(results: readonly boolean[]): Accuracy {
  const correct = results.filter(Boolean).length;
  const { estimate, low, high } = wilsonInterval(correct, results.length);
  return { correct, total: results.length, accuracy: estimate, low, high };
}

/** Compare two models by their answers to the same problems, in order. */
export function improvementOf(first: readonly boolean[], second: readonly boolean[]): Improvement {
  const counts = pairedCounts(first, second);
  const { estimate, low, high } = pairedDifferenceInterval(counts);
  const { onlyFirst, onlySecond } = counts;
  return { difference: estimate, low, high, mcnemarP: mcnemarExact(counts), onlyFirst, onlySecond };
}

/** pass@k by k: 1, 2, 4 and so on, up to the number of samples. */
export type PassAtK = Readonly<Record<string, Interval>>;

/** Estimate pass@k with its 95 % interval over the problems. @param counts of right samples, of n for each problem. */
export function passAtKOf(counts: readonly number[], n: number): PassAtK {
  return byPowerOfTwo(n, (k) => meanInterval(sharesOf(counts, n, k)));
}

/** Estimate pass@k of the second less that of the first on the same problems, with its paired 95 % interval. */
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
