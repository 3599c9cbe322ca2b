/** The curves of a phase, linked with each other. */
import { useMemo, useRef } from 'preact/hooks';
import type { ChartGroup, Range } from '../../charts/chartGroup.ts';
import { LineChart } from '../../charts/LineChart.tsx';
import type { RunData, RunWarning } from '../../data/runData.ts';
import { navigate } from '../../shell/navigation.ts';
import { formatRef, runRoute } from '../../shell/routes.ts';
import {
  accuracyPoints,
  accuracySeries,
  type KnownAccuracies,
  type NamedColumns,
  shortNames,
} from './chartSeries.ts';
import type { ChartSpec, Phase } from './chartSpecs.ts';
import { type SharedProps, SpecChart } from './SpecChart.tsx';

export interface ChartsProps {
  /** The run, and those that are drawn beside it. */
  readonly runs: readonly RunData[];
  readonly phase: Phase;
  readonly group: ChartGroup;
  readonly smoothing: number;
}

const NO_WARNINGS: readonly RunWarning[] = [];

export function Charts({ runs, phase, group, smoothing }: ChartsProps) {
  const [run] = runs;
  const named = useNamedColumns(runs, phase.name);
  const isGrpo = phase.name === 'grpo';
  const warnings = isGrpo && run ? run.warnings.value : NO_WARNINGS;
  const marks = useMemo(() => warnings.map(({ step, name }) => ({ x: step, label: name })), [warnings]);
  const onSelect =
    isGrpo && run ? (step: number) => navigate(runRoute(run.ref, 'groups', { step })) : undefined;
  const domain = useDomain(named);
  const shared = { group, domain, marks, smoothing, onSelect };
  const [first, ...others] = phase.charts;
  return (
    <div class="charts">
      {first && <SpecChart key={first.key} spec={first} runs={named} {...shared} />}
      <AccuracyChart runs={runs} named={named} phase={phase} {...shared} />
      {others.map((spec: ChartSpec) => (
        <SpecChart key={spec.key} spec={spec} runs={named} {...shared} />
      ))}
    </div>
  );
}

interface AccuracyChartProps extends SharedProps {
  readonly runs: readonly RunData[];
  readonly named: readonly NamedColumns[];
  readonly phase: Phase;
}

function AccuracyChart({ runs, named, phase, ...shared }: AccuracyChartProps) {
  const known = useStable(runs.map((run) => run.listing.value));
  const series = useMemo(
    () =>
      named.flatMap(({ key, label, columns, index }) => {
        const points = accuracyPoints(columns, knownOf(known[index], phase.name));
        const name = named.length > 1 ? label : 'accuracy';
        return accuracySeries(key, name, index, points) ?? [];
      }),
    [named, known, phase],
  );
  if (series.length === 0) return null;
  return (
    <LineChart
      title="Accuracy"
      help="On held-out problems, with 95 % intervals."
      share
      series={series}
      {...shared}
    />
  );
}

/** The baseline and the final evaluation belong to the phase that lies between them. */
function knownOf(listing: RunData['listing']['value'], phase: string): KnownAccuracies {
  const { kind = null, baseline = null, final = null } = listing ?? {};
  const isBetween = phase === 'grpo' || kind === 'pretrain';
  return {
    baseline: isBetween ? baseline : null,
    final: isBetween ? final : null,
    total: baseline?.total ?? null,
  };
}

/** Return the columns of the runs that have the phase; the same array until one has more rows. */
function useNamedColumns(runs: readonly RunData[], phase: string): readonly NamedColumns[] {
  const metrics = useStable(runs.map((run) => run.metrics.value));
  return useMemo(() => {
    const names = shortNames(runs.map(({ ref }) => ref.id));
    return runs.flatMap((run, index): NamedColumns[] => {
      const columns = metrics[index]?.phases.get(phase);
      return columns ? [{ key: formatRef(run.ref), label: names[index] ?? run.ref.id, columns, index }] : [];
    });
  }, [runs, metrics, phase]);
}

/** Return the steps of all charts, from the baseline on: the same step has the same place in each. */
function useDomain(named: readonly NamedColumns[]): Range {
  const to = Math.max(1, ...named.map(({ columns }) => columns.latest('step')));
  return useMemo(() => ({ from: 0, to }), [to]);
}

/** Return the array of an earlier render while its elements are the same. */
function useStable<Value>(values: readonly Value[]): readonly Value[] {
  const kept = useRef(values);
  const isSame =
    kept.current.length === values.length && values.every((value, i) => Object.is(value, kept.current[i]));
  if (!isSame) kept.current = values;
  return kept.current;
}
