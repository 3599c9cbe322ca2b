/** Compares runs: grouped by what differs in their options, over seeds and on the same held-out problems. */
import { isRecord } from '../base/arguments.ts';
import { type Interval, meanDifferenceInterval } from '../base/statistics.ts';
import { holm, pairedTTest, type TTest, tInterval, welchTTest } from '../base/studentT.ts';
import { improvementOf } from './accuracy.ts';
import type { RunListing } from './runListing.ts';

/** A run to compare. */
export interface ComparedRun {
  readonly listing: RunListing;
  /** Verdicts of its final evaluation: for each problem whether the answer is correct; null without one. */
  readonly answers: ReadonlyMap<string, boolean> | null;
}

/** The mean of one value of each run. */
export interface MeanOverRuns {
  readonly mean: number;
  /** Ends of Student's 95 % interval over the runs; null for fewer than two. */
  readonly low: number | null;
  readonly high: number | null;
  /** Number of runs that have the value. */
  readonly runs: number;
}

/** Runs whose options are the same but for the seed. */
export interface RunGroup {
  /** A letter or more: A, B, … Z, AA. */
  readonly name: string;
  /** Values of the options that differ between groups. */
  readonly options: Readonly<Record<string, string>>;
  readonly runs: readonly RunListing[];
  /** Final accuracy. */
  readonly final: MeanOverRuns | null;
  /** Final accuracy less the baseline. */
  readonly improvement: MeanOverRuns | null;
}

/** The difference of two groups over their seeds: the second less the first. */
export interface SeedDifference extends TTest {
  /** True if runs of the same seeds are compared with each other (paired t-test), false for Welch's t-test. */
  readonly paired: boolean;
  /** Number of pairs, or of runs in both groups. */
  readonly runs: number;
  /** p after Holm's correction for all comparisons over seeds. */
  readonly correctedP: number;
}

/** The difference of two groups on the problems that all of their runs have answered: the second less the first. */
export interface ProblemDifference extends Interval {
  readonly problems: number;
  /** McNemar's exact test, for two groups of one run each. It says nothing about other seeds. */
  readonly mcnemarP: number | null;
  /** p after Holm's correction for all of these tests. */
  readonly correctedP: number | null;
}

/** Two groups compared. */
export interface GroupComparison {
  /** Names of the groups. */
  readonly first: string;
  readonly second: string;
  /** Null if a group has fewer than two runs with a final accuracy. */
  readonly overSeeds: SeedDifference | null;
  /** Null if a run has no final answers, or none to a problem of the others. */
  readonly onProblems: ProblemDifference | null;
}

/** Runs compared. */
export interface RunComparison {
  /** Names of the options that differ between groups. */
  readonly differing: readonly string[];
  readonly groups: readonly RunGroup[];
  /** Every two groups. */
  readonly comparisons: readonly GroupComparison[];
}

/** Options that change no result, and the seed. */
const NOT_COMPARED: ReadonlySet<string> = new Set([
  'seed',
  'out',
  'json',
  'quiet',
  'logCsv',
  'tensorboard',
  'profile',
  'debug',
  'threads',
  'memoryLimit',
  'keepLast',
  'saveInterval',
  'traceGroups',
  'traceInterval',
]);

/** Compare runs. Those that cannot be read are left out by the caller. */
export function compareRuns(runs: readonly ComparedRun[]): RunComparison {
  const described = runs.map((run) => ({ run, options: comparedOptions(run.listing) }));
  const names = [...new Set(described.flatMap(({ options }) => [...options.keys()]))];
  // An option that a kind of run does not have tells no more than the kind.
  const differing = names.filter((name) => {
    const kinds = new Set(
      described.flatMap(({ run, options }) => (options.has(name) ? run.listing.kind : [])),
    );
    const having = described.filter(({ run }) => kinds.has(run.listing.kind));
    return new Set(having.map(({ options }) => options.get(name))).size > 1;
  });
  const byOptions = new Map<string, ComparedRun[]>();
  for (const { run, options } of described) {
    const key = JSON.stringify(differing.map((name) => options.get(name) ?? null));
    byOptions.set(key, [...(byOptions.get(key) ?? []), run]);
  }
  const members = [...byOptions.values()];
  const groups = members.map((group, i) => groupOf(group, nameOf(i), differing));
  return { differing, groups, comparisons: comparisonsOf(members, groups) };
}

/** Compare two runs, or groups of runs, on the problems that all have answered; null without such problems. */
export function problemDifference(
  first: readonly ComparedRun[],
  second: readonly ComparedRun[],
): Omit<ProblemDifference, 'correctedP'> | null {
  const [a, b] = [answersOf(first), answersOf(second)];
  if (!a || !b) return null;
  const all = [...a, ...b];
  const common = [...(all[0]?.keys() ?? [])].filter((problem) =>
    all.every((answers) => answers.has(problem)),
  );
  if (common.length === 0) return null;
  const problems = common.length;
  const [only, other] = [a[0], b[0]];
  if (a.length === 1 && b.length === 1 && only && other) {
    const verdicts = [only, other].map((answers) => common.map((problem) => answers.get(problem) ?? false));
    const { difference, low, high, mcnemarP } = improvementOf(verdicts[0] ?? [], verdicts[1] ?? []);
    return { problems, estimate: difference, low, high, mcnemarP };
  }
  const shares = [a, b].map((group) => common.map((problem) => shareOf(group, problem)));
  return { problems, ...meanDifferenceInterval(shares[0] ?? [], shares[1] ?? []), mcnemarP: null };
}

/** Name and value of every option of a run that can change its result, those of sections as `grpo.lr`. */
export function comparedOptions({ kind, model, options }: RunListing): ReadonlyMap<string, string> {
  return new Map([
    ['kind', kind ?? 'unknown'],
    ['model', model ?? 'unknown'],
    ...flattened(options, '').filter(([name]) => !NOT_COMPARED.has(name.slice(name.indexOf('.') + 1))),
  ]);
}

function flattened(options: Readonly<Record<string, unknown>>, prefix: string): [string, string][] {
  return Object.entries(options).flatMap(([name, value]): [string, string][] =>
    isRecord(value) && prefix === ''
      ? flattened(value, `${name}.`)
      : [[`${prefix}${name}`, typeof value === 'string' ? value : JSON.stringify(value)]],
  );
}

const LETTERS = 26;
const nameOf = (index: number): string =>
  (index < LETTERS ? '' : nameOf(Math.floor(index / LETTERS) - 1)) +
  String.fromCharCode(65 + (index % LETTERS));

function groupOf(runs: readonly ComparedRun[], name: string, differing: readonly string[]): RunGroup {
  const listings = runs.map(({ listing }) => listing);
  const [first] = listings;
  const options = first ? comparedOptions(first) : new Map<string, string>();
  return {
    name,
    options: Object.fromEntries(differing.map((option) => [option, options.get(option) ?? 'not set'])),
    runs: listings,
    final: meanOf(listings.flatMap(({ final }) => final?.accuracy ?? [])),
    improvement: meanOf(listings.flatMap(({ improvement }) => improvement?.difference ?? [])),
  };
}

function meanOf(values: readonly number[]): MeanOverRuns | null {
  const [only] = values;
  if (only === undefined) return null;
  if (values.length === 1) return { mean: only, low: null, high: null, runs: 1 };
  const { estimate, low, high } = tInterval(values);
  return { mean: estimate, low, high, runs: values.length };
}

function comparisonsOf(
  members: readonly (readonly ComparedRun[])[],
  groups: readonly RunGroup[],
): GroupComparison[] {
  const pairs = groups.flatMap((first, i) =>
    groups.slice(i + 1).map((second, k) => ({
      names: { first: first.name, second: second.name },
      overSeeds: seedDifference(first.runs, second.runs),
      onProblems: problemDifference(members[i] ?? [], members[i + 1 + k] ?? []),
    })),
  );
  const seedPs = corrected(pairs.map(({ overSeeds }) => overSeeds?.p ?? null));
  const problemPs = corrected(pairs.map(({ onProblems }) => onProblems?.mcnemarP ?? null));
  return pairs.map(({ names, overSeeds, onProblems }, i) => ({
    ...names,
    overSeeds: overSeeds && { ...overSeeds, correctedP: seedPs[i] ?? overSeeds.p },
    onProblems: onProblems && { ...onProblems, correctedP: problemPs[i] ?? null },
  }));
}

/** Correct the p of the tests that were made; null stays. */
function corrected(ps: readonly (number | null)[]): (number | null)[] {
  const made = holm(ps.filter((p) => p !== null));
  let next = 0;
  return ps.map((p) => (p === null ? null : (made[next++] ?? null)));
}

/** Compare final accuracies over seeds: of the seeds that both have, if there are two, else of all runs. */
function seedDifference(
  first: readonly RunListing[],
  second: readonly RunListing[],
): Omit<SeedDifference, 'correctedP'> | null {
  const [a, b] = [finalBySeed(first), finalBySeed(second)];
  const shared = [...a.keys()].filter((seed) => b.has(seed));
  if (shared.length >= 2) {
    const valuesOf = (finals: ReadonlyMap<number, number>): number[] =>
      shared.map((seed) => finals.get(seed) ?? 0);
    return { paired: true, runs: shared.length, ...pairedTTest(valuesOf(a), valuesOf(b)) };
  }
  const [x, y] = [first, second].map((runs) => runs.flatMap(({ final }) => final?.accuracy ?? []));
  if (!x || !y || x.length < 2 || y.length < 2) return null;
  return { paired: false, runs: x.length + y.length, ...welchTTest(x, y) };
}

/** Return the final accuracy of each seed: the mean, if a seed was run again. */
function finalBySeed(runs: readonly RunListing[]): ReadonlyMap<number, number> {
  const bySeed = new Map<number, number[]>();
  for (const { seed, final } of runs) {
    if (seed !== null && final !== null) bySeed.set(seed, [...(bySeed.get(seed) ?? []), final.accuracy]);
  }
  return new Map([...bySeed].map(([seed, values]) => [seed, values.reduce((a, b) => a + b) / values.length]));
}

/** Return the answers of all runs of a group; null if one has none. */
function answersOf(runs: readonly ComparedRun[]): readonly ReadonlyMap<string, boolean>[] | null {
  const answers = runs.flatMap((run) => run.answers ?? []);
  return answers.length === runs.length && runs.length > 0 ? answers : null;
}

const shareOf = (group: readonly ReadonlyMap<string, boolean>[], problem: string): number =>
  group.filter((answers) => answers.get(problem)).length / group.length;
