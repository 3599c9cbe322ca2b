/** Accuracies and their comparison, as numbers for summary.json and as text for people. */
import { mcnemarExact, pairedCounts, pairedDifferenceInterval, wilsonInterval } from '../math/statistics.ts';

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

/** `45.00% (45/100)`. */
export function accuracyText({ accuracy, correct, total }: Accuracy): string {
  return `${percent(accuracy)}% (${correct}/${total})`;
}

/** `45.00% (45/100), 95% interval 35.57% to 54.76%`. */
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
