/** Rows of saved runs in figures: over seeds, and beside another row of the same start, problems and seeds. */

import { type Interval, meanDifferenceInterval, passAtK } from '../src/base/statistics.ts';
import { improvementOf } from '../src/training/accuracy.ts';
import { fromBits, type SavedRun } from './savedRun.ts';

/** Two-sided 95 % points of Student's t with 1, 2, … degrees of freedom. */
const T_95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** The mean. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean with Student's 95 % interval, the values being of different seeds; no interval of fewer than two. */
export function overSeeds(values: readonly number[]): Interval {
  const estimate = mean(values);
  const t = T_95[values.length - 2];
  if (t === undefined) return { estimate, low: Number.NaN, high: Number.NaN };
  const variance = values.reduce((sum, value) => sum + (value - estimate) ** 2, 0) / (values.length - 1);
  const halfWidth = t * Math.sqrt(variance / values.length);
  return { estimate, low: estimate - halfWidth, high: estimate + halfWidth };
}

/** The share of 1 in verdicts. */
export const shareOf = (bits: string): number => mean([...bits].map(Number));

/** What training did to a row: accuracies before and after of each seed, and the largest p of McNemar's test. */
export interface RowSummary {
  readonly before: number;
  readonly after: readonly number[];
  readonly gain: Interval;
  readonly mcnemarP: number;
}

/** The figures of a row. */
export function summaryOf(runs: readonly SavedRun[]): RowSummary {
  const after = runs.map((run) => shareOf(run.after));
  const before = mean(runs.map((run) => shareOf(run.before)));
  const gains = runs.map((run) => shareOf(run.after) - shareOf(run.before));
  const tests = runs.map((run) => improvementOf(fromBits(run.before), fromBits(run.after)).mcnemarP);
  return { before, after, gain: overSeeds(gains), mcnemarP: Math.max(...tests) };
}

/** How much better one row is than another. */
export interface Difference {
  /** By the seeds that both have, as if other seeds had been drawn. */
  readonly seeds: Interval;
  /** By the problems, each by its mean over the seeds, as if other problems had been drawn. */
  readonly problems: Interval;
  /** How many seeds are better, of how many. */
  readonly better: number;
  readonly count: number;
}

/** The second row beside the first one. */
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

/** The first evaluated step of each seed at which the gain was reached; null where it never was. */
export function stepsToGain(runs: readonly SavedRun[], gain: number): (number | null)[] {
  return runs.map(({ before, evaluations }) => {
    const wanted = shareOf(before) + gain;
    return evaluations.find(([, accuracy]) => accuracy >= wanted - 1e-9)?.[0] ?? null;
  });
}

/** The first evaluated step of each seed at which the accuracy was reached; null where it never was. */
export function stepsToAccuracy(runs: readonly SavedRun[], wanted: number): (number | null)[] {
  return runs.map(({ evaluations }) => evaluations.find(([, accuracy]) => accuracy >= wanted)?.[0] ?? null);
}

/** pass@k before and after, and their difference: problems by their mean over the seeds. */
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
