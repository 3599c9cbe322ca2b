/** Intervals and tests for accuracies: of one checkpoint, and of two on the same problems. */

import { ArgumentError, checkedInteger } from './arguments.ts';
import { exp, log } from './elementary.ts';

/** Two-sided 95 % point of the normal distribution. */
const Z_95 = 1.959963984540054;

/** An estimate with its 95 % interval. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson's 95 % score interval for a proportion (Wilson 1927).
 * @param correct 0 … total. @param total ≥ 1. @throws ArgumentError if they are not such integers.
 */
export function wilsonInterval(correct: number, total: number): Interval {
  if (!Number.isInteger(total) || total < 1) {
    throw new ArgumentError('total', `got ${total}`, 'give an integer of at least 1');
  }
  if (!Number.isInteger(correct) || correct < 0 || correct > total) {
    throw new ArgumentError('correct', `got ${correct}`, `give an integer from 0 to ${total}`);
  }
  const estimate = correct / total;
  const z2 = Z_95 * Z_95;
  const centre = (correct + z2 / 2) / (total + z2);
  const halfWidth = (Z_95 / (total + z2)) * Math.sqrt((correct * (total - correct)) / total + z2 / 4);
  // At the ends the bound is exact in theory; rounding must not push it past the estimate.
  return {
    estimate,
    low: correct === 0 ? 0 : centre - halfWidth,
    high: correct === total ? 1 : centre + halfWidth,
  };
}

/** Counts of right answers of two checkpoints on the same problems. */
export interface PairedCounts {
  readonly total: number;
  /** Problems that exactly this one got right. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
}

/**
 * Count the problems that only one of the two answered correctly.
 * @throws ArgumentError unless both arrays have the same length of at least 1.
 */
export function pairedCounts(first: readonly boolean[], second: readonly boolean[]): PairedCounts {
  checkPaired(first, second);
  const onlyFirst = first.filter((right, i) => right && !second[i]).length;
  const onlySecond = second.filter((right, i) => right && !first[i]).length;
  return { total: first.length, onlyFirst, onlySecond };
}

/**
 * McNemar's exact test: the two-sided probability, were both checkpoints equally good, of a split of the discordant
 * problems at least this uneven. min(1, 2·P(X ≤ min)) for X binomial(n, ½).
 */
export function mcnemarExact({ onlyFirst, onlySecond }: PairedCounts): number {
  const n = onlyFirst + onlySecond;
  const fewer = Math.min(onlyFirst, onlySecond);
  // Use logarithms, as 2^-n underflows beyond n = 1074.
  let logTerm = -n * Math.LN2;
  const logTerms = [logTerm];
  for (let k = 1; k <= fewer; k++) {
    logTerm += log(n - k + 1) - log(k);
    logTerms.push(logTerm);
  }
  const tail = logTerms.reduce((sum, term) => sum + exp(term), 0);
  return Math.min(1, 2 * tail);
}

/**
 * 95 % interval for accuracy(second) − accuracy(first) on the same problems: the adjusted Wald interval of Bonett and
 * Price (2012), which adds one to each discordant count, so it never has width 0. `estimate` is the plain difference.
 */
export function pairedDifferenceInterval({ total, onlyFirst, onlySecond }: PairedCounts): Interval {
  return differenceInterval({ count: total, sum: onlySecond - onlyFirst, squares: onlyFirst + onlySecond });
}

/**
 * pass@k, the probability that at least one of k samples of a problem is right, without bias from n samples of which c
 * are right: 1 − C(n − c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374, equation 1).
 * @param n ≥ 1. @param c 0 … n. @param k 1 … n. @throws ArgumentError if they are not such integers.
 */
export function passAtK(n: number, c: number, k: number): number {
  checkedInteger('n', n, 1, Number.MAX_SAFE_INTEGER);
  checkedInteger('c', c, 0, n);
  checkedInteger('k', k, 1, n);
  // As a product, since the binomials overflow; a factor is 0 where fewer than k samples are wrong.
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= Math.max(0, i - k) / i;
  return 1 - allWrong;
}

/**
 * 95 % interval for the mean of shares in [0, 1], one of each problem: the Wald interval after two problems of share 0
 * and two of share 1 were added, so it never has width 0. Where every share is 0 or 1 it is the interval of Agresti and
 * Coull (1998). `estimate` is the plain mean. @throws ArgumentError without shares.
 */
export function meanInterval(shares: readonly number[]): Interval {
  return adjustedWald(momentsOf(shares), { count: 4, sum: 2, squares: 2 }, 0);
}

/**
 * 95 % interval for the mean of second − first, shares in [0, 1] of the same problems: the Wald interval after a gain of
 * 1 and a loss of 1 were added, which makes it wide for few problems that differ by little. Where every share is 0 or 1
 * it is `pairedDifferenceInterval`.
 * @throws ArgumentError unless both arrays have the same length of at least 1.
 */
export function meanDifferenceInterval(first: readonly number[], second: readonly number[]): Interval {
  checkPaired(first, second);
  return differenceInterval(momentsOf(second.map((share, i) => share - (first[i] ?? 0))));
}

/** The number of values, their sum, and the sum of their squares. */
interface Moments {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

function momentsOf(values: readonly number[]): Moments {
  if (values.length === 0) throw new ArgumentError('shares', 'there are none', 'give one of each problem');
  const sum = values.reduce((total, value) => total + value, 0);
  return { count: values.length, sum, squares: values.reduce((total, value) => total + value * value, 0) };
}

function differenceInterval(differences: Moments): Interval {
  return adjustedWald(differences, { count: 2, sum: 0, squares: 2 }, -1);
}

/** The normal interval of a mean, cut off at `least` and 1, from the values and some that were added. */
function adjustedWald(values: Moments, added: Moments, least: number): Interval {
  const count = values.count + added.count;
  const mean = (values.sum + added.sum) / count;
  const variance = (values.squares + added.squares) / count - mean * mean;
  const halfWidth = Z_95 * Math.sqrt(variance / count);
  return {
    estimate: values.sum / values.count,
    low: Math.max(least, mean - halfWidth),
    high: Math.min(1, mean + halfWidth),
  };
}

function checkPaired(first: readonly unknown[], second: readonly unknown[]): void {
  if (first.length === second.length && first.length > 0) return;
  throw new ArgumentError(
    'first and second',
    `they hold ${first.length} and ${second.length} results`,
    'give one result of each for every problem, in the same order',
  );
}
