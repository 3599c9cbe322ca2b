/** Statistics of saved runs: of a row over its seeds, and of two rows with the same start, problems and seeds. */

import { type Interval, meanDifferenceInterval, passAtK } from '../src/base/statistics.ts';
import { improvementOf } from '../src/training/accuracy.ts';
import { fromBits, type SavedRun } from './savedRun.ts';

/** Two-sided 95 % quantiles of Student's t with 1, 2, … degrees of freedom. */
const T_95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** Return the mean of values. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Return the mean over seeds with Student's 95 % interval; with fewer than two seeds the interval is NaN. */
export function overSeeds(values: readonly number[]): Interval {
  const estimate = mean(values);
  const t = T_95[values.length - 2];
  if (t === undefined) return { estimate, low: Number.NaN, high: Number.NaN };
  const variance = values.reduce((sum, value) => sum + (value - estimate) ** 2, 0) / (values.length - 1);
  const halfWidth = t * Math.sqrt(variance / values.length);
  return { estimate, low: estimate - halfWidth, high: estimate + halfWidth };
}

/** Return the share of right answers, given one bit for each problem. */
export const shareOf = (bits: string): number => mean([...bits].map(Number));

/** Summary of a row: mean accuracy before, accuracy of each seed after, and the largest p of McNemar's test. */
export interface RowSummary {
  readonly before: number;
  readonly after: readonly number[];
  readonly gain: Interval;
  readonly mcnemarP: number;
}

/** Summarise the runs of a row. */
export function summaryOf(runs: readonly SavedRun[]): RowSummary {
  const after = runs.map((run) => shareOf(run.after));
  const before = mean(runs.map((run) => shareOf(run.before)));
  const gains = runs.map((run) => shareOf(run.after) - shareOf(run.before));
  const tests = runs.map((run) => improvementOf(fromBits(run.before), fromBits(run.after)).mcnemarP);
  return { before, after, gain: overSeeds(gains), mcnemarP: Math.max(...tests) };
}

/** The difference in accuracy between two rows. */
export interface Difference {
  /** Interval over the seeds that both rows have: the uncertainty if other seeds were drawn. */
  readonly seeds: Interval;
  /** Interval over problems, each averaged over the seeds: the uncertainty if other problems were drawn. */
  readonly problems: Interval;
  /** Number of seeds with a higher accuracy, out of `count`. */
  readonly better: number;
  readonly count: number;
}

/** Return the difference of the second row from the first; null if they share no seed. */
export function differenceOf(first: readonly SavedRun[], second: readonly SavedRun[]): Difference | null {
  const pairs = second.flatMap((run) => {
    const other = first.find(({ seed }) => seed === run.seed);
    return other ? [{ base: other.after, own: run.after }] : [];
  });
  if (pairs.length === 0) return null;
  const differences = pairs.map(({ base, own }) => shareOf(own) - shareOf(base));
  const shares = (side: 'base' | 'own'): number[] =>
    Array.from(pairs[0]?.base ?? '', (_, problem) => mean(pairs.map((pair) => Number(pair[side][problem]))));
  return {
    seeds: overSeeds(differences),
    problems: meanDifferenceInterval(shares('base'), shares('own')),
    better: differences.filter((difference) => difference > 0).length,
    count: differences.length,
  };
}

/** Return for each seed the first evaluated step that reached the gain; null if none did. */
export function stepsToGain(runs: readonly SavedRun[], gain: number): (number | null)[] {
  return runs.map(({ before, evaluations }) => {
    const wanted = shareOf(before) + gain;
    return evaluations.find(([, accuracy]) => accuracy >= wanted - 1e-9)?.[0] ?? null;
  });
}

/** Return for each seed the first evaluated step that reached the accuracy; null if none did. */
export function stepsToAccuracy(runs: readonly SavedRun[], wanted: number): (number | null)[] {
  return runs.map(({ evaluations }) => evaluations.find(([, accuracy]) => accuracy >= wanted)?.[0] ?? null);
}

/** Return pass@k before and after training and their difference; each problem is averaged over the seeds. */
export function passAtKOf(
  runs: readonly SavedRun[],
  k: number,
): { before: number; after: number; gain: Interval } | null {
  const sampled = runs.flatMap(({ samples }) => samples ?? []);
  const [first] = sampled;
  if (!first) return null;
  const shares = (side: 'before' | 'after'): number[] =>
    first.before.map((_, problem) =>
      mean(sampled.map((samples) => passAtK(samples.n, samples[side][problem] ?? 0, k))),
    );
  const [before, after] = [shares('before'), shares('after')];
  return { before: mean(before), after: mean(after), gain: meanDifferenceInterval(before, after) };
}
