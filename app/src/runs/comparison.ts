/** The contents of a comparison of runs: curves, problems that only one of two solves, and a table to export. */
import { type ComparedRun, holm, problemDifference, type RunComparison } from 'mathformer/training';
import type { ChartSeries } from '../charts/series.ts';
import { seriesStyle } from '../charts/seriesStyle.ts';
import type { Columns } from '../data/columns.ts';
import type { CsvValue } from '../ui/csv.ts';

/** The columns of a run's phase, with the run's name and place in the comparison. */
export interface RunColumns {
  readonly key: string;
  readonly label: string;
  readonly index: number;
  readonly columns: Columns;
}

/** Return the metrics that any of the runs has, in the order of the first that has them. */
export const metricNames = (runs: readonly RunColumns[]): string[] =>
  [...new Set(runs.flatMap(({ columns }) => columns.names))].filter((name) => name !== 'step');

/** Return the curve of a metric for each run that has it. A metric of few steps, such as an accuracy, has markers. */
export function metricSeries(name: string, runs: readonly RunColumns[]): ChartSeries[] {
  return runs.flatMap(({ key, label, index, columns }) => {
    const [steps, all] = [columns.get('step'), columns.get(name)];
    if (!steps || !all) return [];
    const measured = [...all.keys()].filter((i) => !Number.isNaN(all[i]));
    if (measured.length === 0) return [];
    const style = seriesStyle(index);
    if (2 * measured.length > all.length) return [{ key, label, style, x: steps, y: all }];
    const x = Float64Array.from(measured, (i) => steps[i] ?? Number.NaN);
    const y = Float64Array.from(measured, (i) => all[i] ?? Number.NaN);
    return [{ key, label, style, x, y, sparse: true }];
  });
}

/** Tell whether the values of a metric are shares. */
export const isShare = (name: string): boolean => /accuracy|clip_ratio|clipped_ratio|^frac_/.test(name);

/** Two runs on the problems that both have answered. */
export interface PairOfRuns {
  readonly problems: number;
  /** Accuracy of the second less that of the first, with its paired 95 % interval, and McNemar's exact p. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly mcnemarP: number;
  /** Problems that only this one solves. */
  readonly onlyFirst: readonly string[];
  readonly onlySecond: readonly string[];
}

/** Compare two runs on the same problems; undefined if they have none in common. */
export function pairOfRuns(first: ComparedRun, second: ComparedRun): PairOfRuns | undefined {
  const found = problemDifference([first], [second]);
  if (!found || found.mcnemarP === null || !first.answers || !second.answers) return undefined;
  const { problems, estimate: difference, low, high, mcnemarP } = found;
  return {
    ...{ problems, difference, low, high, mcnemarP },
    onlyFirst: onlySolved(first.answers, second.answers),
    onlySecond: onlySolved(second.answers, first.answers),
  };
}

/** A run with its short name. */
export interface NamedRun extends ComparedRun {
  readonly name: string;
}

/** A run against the first one. */
export interface NamedPair extends PairOfRuns {
  readonly name: string;
  /** McNemar's p after Holm's correction for all runs against the first one. */
  readonly correctedP: number;
}

/** Compare each run with the first one; those without problems in common are left out. */
export function pairsWithFirst([first, ...others]: readonly NamedRun[]): readonly NamedPair[] {
  const pairs = others.flatMap((second) => {
    const pair = first && pairOfRuns(first, second);
    return pair ? [{ ...pair, name: second.name }] : [];
  });
  const corrected = holm(pairs.map(({ mcnemarP }) => mcnemarP));
  return pairs.map((pair, i) => ({ ...pair, correctedP: corrected[i] ?? pair.mcnemarP }));
}

function onlySolved(by: ReadonlyMap<string, boolean>, not: ReadonlyMap<string, boolean>): string[] {
  return [...by].flatMap(([key, isRight]) => (isRight && not.get(key) === false ? [expressionOf(key)] : []));
}

/** Return the expression in the key of an answer, `["expression","expected"]` with a number if it comes again. */
function expressionOf(key: string): string {
  const [expression]: unknown[] = JSON.parse(key.slice(0, key.lastIndexOf(']') + 1));
  return typeof expression === 'string' ? expression : key;
}

/** Write the runs of a comparison as rows for a table: what differs, and the results. */
export function comparisonRows({ differing, groups }: RunComparison): CsvValue[][] {
  const head = ['run', 'group', ...differing, 'seed', 'state', 'step', 'reward'];
  const results = [
    'baseline',
    'final',
    'final_low',
    'final_high',
    'difference',
    'difference_low',
    'difference_high',
    'mcnemar_p',
  ];
  const rows = groups.flatMap(({ name, options, runs }) =>
    runs.map(({ id, seed, state, step, reward, baseline, final, improvement }) => [
      ...[id, name, ...differing.map((option) => options[option])],
      ...[seed ?? undefined, state, step, reward ?? undefined],
      ...[baseline?.accuracy, final?.accuracy, final?.low, final?.high],
      ...[improvement?.difference, improvement?.low, improvement?.high, improvement?.mcnemarP],
    ]),
  );
  return [[...head, ...results], ...rows];
}
