/** Intervals and tests for accuracies: of one checkpoint, and of two on the same problems. */

import { OptionError } from './errors.ts';

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
 * @param correct 0 … total. @param total ≥ 1. @throws OptionError if they are not such integers.
 */
export function wilsonInterval(correct: number, total: number): Interval {
  if (!Number.isInteger(total) || total < 1) {
    throw new OptionError('total', `got ${total}`, 'give an integer of at least 1');
  }
  if (!Number.isInteger(correct) || correct < 0 || correct > total) {
    throw new OptionError('correct', `got ${correct}`, `give an integer from 0 to ${total}`);
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

/** How two checkpoints did on the same problems. */
export interface PairedCounts {
  readonly total: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
}

/**
 * Counts the problems that exactly one of the two got right.
 * @throws OptionError unless both arrays have the same length of at least 1.
 */
export function pairedCounts(first: readonly boolean[], second: readonly boolean[]): PairedCounts {
  if (first.length !== second.length || first.length === 0) {
    throw new OptionError(
      'first and second',
      `they hold ${first.length} and ${second.length} results`,
      'give one result of each for every problem, in the same order',
    );
  }
  let onlyFirst = 0;
  let onlySecond = 0;
  for (const [i, right] of first.entries()) {
    if (right && !second[i]) onlyFirst++;
    if (!right && second[i]) onlySecond++;
  }
  return { total: first.length, onlyFirst, onlySecond };
}

/**
 * McNemar's exact test: the two-sided probability, were both checkpoints equally good, of a split of the discordant
 * problems at least this uneven. min(1, 2·P(X ≤ min)) for X binomial(n, ½).
 */
export function mcnemarExact({ onlyFirst, onlySecond }: PairedCounts): number {
  const n = onlyFirst + onlySecond;
  const fewer = Math.min(onlyFirst, onlySecond);
  // In logarithms, as 2^-n underflows beyond n = 1074.
  let logTerm = -n * Math.LN2;
  const logTerms = [logTerm];
  for (let k = 1; k <= fewer; k++) {
    logTerm += Math.log(n - k + 1) - Math.log(k);
    logTerms.push(logTerm);
  }
  const tail = logTerms.reduce((sum, term) => sum + Math.exp(term), 0);
  return Math.min(1, 2 * tail);
}

/**
 * 95 % interval for accuracy(second) − accuracy(first) on the same problems: the adjusted Wald interval of Bonett and
 * Price (2012), which adds one to each discordant count, so it never has width 0. `estimate` is the plain difference.
 */
export function pairedDifferenceInterval({ total, onlyFirst, onlySecond }: PairedCounts): Interval {
  const gained = (onlySecond + 1) / (total + 2);
  const lost = (onlyFirst + 1) / (total + 2);
  const difference = gained - lost;
  const halfWidth = Z_95 * Math.sqrt((gained + lost - difference * difference) / (total + 2));
  return {
    estimate: (onlySecond - onlyFirst) / total,
    low: Math.max(-1, difference - halfWidth),
    high: Math.min(1, difference + halfWidth),
  };
}
