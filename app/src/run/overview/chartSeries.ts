/** The series of Overview's charts: of one run all its lines, of several runs one line each. */
import { wilsonInterval } from 'mathformer/training';
import type { ChartSeries } from '../../charts/series.ts';
import { seriesStyle } from '../../charts/seriesStyle.ts';
import type { Columns } from '../../data/columns.ts';
import type { ChartSpec, LineSpec } from './chartSpecs.ts';

/** The columns of a phase of a run, and the run's short name. */
export interface NamedColumns {
  readonly key: string;
  readonly label: string;
  readonly columns: Columns;
  /** Place of the run among those compared, which gives its look. */
  readonly index: number;
}

/** Return the series of a chart. */
export function chartSeries(
  { lines, range }: ChartSpec,
  runs: readonly NamedColumns[],
): readonly ChartSeries[] {
  const [first] = lines;
  const [only, ...others] = runs;
  if (!first || !only) return [];
  if (others.length > 0) return runs.flatMap((run) => seriesOf(first, run, run.label, run.index) ?? []);
  return lines.flatMap((line, i) => {
    const series = seriesOf(line, only, line.label, i);
    if (!series) return [];
    const [low, high] = [range && only.columns.get(range.low), range && only.columns.get(range.high)];
    return [i === 0 && low && high ? { ...series, interval: { low, high } } : series];
  });
}

function seriesOf(
  { values }: LineSpec,
  { key, columns }: NamedColumns,
  label: string,
  index: number,
): ChartSeries | undefined {
  const [x, y] = [columns.get('step'), values(columns)];
  if (!x || !y || y.every(Number.isNaN)) return undefined;
  return { key: `${key} ${label}`, label, style: seriesStyle(index), x, y };
}

/** An accuracy at a step, with its interval. */
export interface AccuracyPoint {
  readonly step: number;
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
}

/** Accuracies that a run's files hold besides its metrics. */
export interface KnownAccuracies {
  readonly baseline: Omit<AccuracyPoint, 'step'> | null;
  readonly final: Omit<AccuracyPoint, 'step'> | null;
  /** Number of held-out problems; null if it is not known: then the points have no interval. */
  readonly total: number | null;
}

/**
 * Return the accuracies of a phase: the baseline at step 0, those of the rows with Wilson's 95 % interval, and the final one at the
 * last step.
 */
export function accuracyPoints(columns: Columns, known: KnownAccuracies): readonly AccuracyPoint[] {
  const steps = columns.get('step') ?? new Float64Array();
  const values = columns.get('eval_accuracy') ?? new Float64Array();
  const evaluated: AccuracyPoint[] = [];
  for (let i = 0; i < values.length; i++) {
    const [step, accuracy] = [steps[i], values[i]];
    if (step === undefined || accuracy === undefined || Number.isNaN(accuracy)) continue;
    evaluated.push(pointAt(step, accuracy, known.total));
  }
  const before = known.baseline ? [{ step: 0, ...endsOf(known.baseline) }] : [];
  const last = steps.at(-1);
  const isLastEvaluated = evaluated.at(-1)?.step === last;
  const after =
    known.final && last !== undefined && !isLastEvaluated ? [{ step: last, ...endsOf(known.final) }] : [];
  return [...before, ...evaluated, ...after];
}

const endsOf = ({ accuracy, low, high }: Omit<AccuracyPoint, 'step'>): Omit<AccuracyPoint, 'step'> => ({
  accuracy,
  low,
  high,
});

function pointAt(step: number, accuracy: number, total: number | null): AccuracyPoint {
  if (total === null) return { step, accuracy, low: Number.NaN, high: Number.NaN };
  const { low, high } = wilsonInterval(Math.round(accuracy * total), total);
  return { step, accuracy, low, high };
}

/** Return the series of accuracies. */
export function accuracySeries(
  key: string,
  label: string,
  index: number,
  points: readonly AccuracyPoint[],
): ChartSeries | undefined {
  if (points.length === 0) return undefined;
  const column = (name: keyof AccuracyPoint): Float64Array =>
    Float64Array.from(points, (point) => point[name]);
  return {
    key,
    label,
    style: seriesStyle(index),
    x: column('step'),
    y: column('accuracy'),
    interval: { low: column('low'), high: column('high') },
    sparse: true,
  };
}

/** Return short names of runs: their ids without the directories that all of them begin with. */
export function shortNames(ids: readonly string[]): readonly string[] {
  const paths = ids.map((id) => id.split('/'));
  const [first = []] = paths;
  const longest = Math.min(...paths.map((path) => path.length - 1));
  let same = 0;
  while (same < longest && paths.every((path) => path[same] === first[same])) same++;
  return paths.map((path) => path.slice(same).join('/'));
}
