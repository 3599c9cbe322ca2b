/** The curves of one metric, of all runs of a comparison. */
import { useMemo } from 'preact/hooks';
import { LineChart } from '../charts/LineChart.tsx';
import type { RunData } from '../data/runData.ts';
import { navigate } from '../shell/navigation.ts';
import type { RunsRoute } from '../shell/routes.ts';
import { formatRef } from '../shell/routes.ts';
import { SelectField, SliderField } from '../ui/fields.tsx';
import { isShare, metricNames, metricSeries, type RunColumns } from './comparison.ts';

/** The phases of runs; the latter is shown if any run has it. */
const PHASES = ['pretrain', 'grpo'];
/** The metrics to begin with, if there are some. */
const FIRST = ['reward', 'loss'];

export interface MetricChartProps {
  readonly runs: readonly RunData[];
  /** Short names of the runs. */
  readonly names: readonly string[];
  readonly route: RunsRoute;
}

export function MetricChart({ runs, names, route }: MetricChartProps) {
  const view = route.view ?? {};
  const metrics = runs.map((run) => run.metrics.value);
  const phases = PHASES.filter((name) => metrics.some((each) => each.phases.has(name)));
  const phase = phases.find((name) => name === view.phase) ?? phases.at(-1) ?? '';
  const columns = runs.flatMap((run, index): RunColumns[] => {
    const found = metrics[index]?.phases.get(phase);
    return found
      ? [{ key: formatRef(run.ref), label: names[index] ?? run.ref.id, index, columns: found }]
      : [];
  });
  const known = metricNames(columns);
  const metric =
    known.find((name) => name === view.metric) ?? FIRST.find((name) => known.includes(name)) ?? known[0];
  // Columns grow in place; the metrics around them are others whenever there are more rows.
  const series = useMemo(
    () => (metric === undefined ? [] : metricSeries(metric, columns)),
    [metric, phase, runs, ...metrics],
  );
  if (metric === undefined) return <p class="quiet">The chosen runs have no metrics yet.</p>;
  const smoothing = Number(view.smooth) || 0;
  const change = (changes: Readonly<Record<string, string>>): void =>
    navigate({ ...route, view: { ...view, ...changes } }, { replace: true });
  return (
    <>
      <div class="row metric-tools">
        {phases.length > 1 && (
          <SelectField
            label="Phase"
            value={phase}
            choices={phases.map((value) => ({ value, label: value }))}
            onInput={(value) => change({ phase: value })}
          />
        )}
        <SelectField
          label="Metric"
          value={metric}
          choices={known.map((value) => ({ value, label: value }))}
          onInput={(value) => change({ metric: value })}
        />
        <SliderField
          label="Smoothing"
          value={smoothing}
          min={0}
          max={0.95}
          step={0.05}
          format={(value) => value.toFixed(2)}
          onInput={(value) => change({ smooth: value === 0 ? '' : String(value) })}
        />
      </div>
      <LineChart title={metric} series={series} share={isShare(metric)} smoothing={smoothing} />
    </>
  );
}
