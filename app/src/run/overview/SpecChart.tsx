/** A chart of metrics. */
import { useMemo } from 'preact/hooks';
import { LineChart, type LineChartProps } from '../../charts/LineChart.tsx';
import { chartSeries, type NamedColumns } from './chartSeries.ts';
import type { ChartSpec } from './chartSpecs.ts';

/** Properties that the charts of a page share. */
export type SharedProps = Pick<LineChartProps, 'group' | 'domain' | 'marks' | 'smoothing' | 'onSelect'>;

export interface SpecChartProps extends SharedProps {
  readonly spec: ChartSpec;
  readonly runs: readonly NamedColumns[];
}

/** Draws the metrics of a chart; nothing where no run has them. */
export function SpecChart({ spec, runs, ...shared }: SpecChartProps) {
  const series = useMemo(() => chartSeries(spec, runs), [spec, runs]);
  if (series.length === 0) return null;
  const { title, unit, help, share } = spec;
  return <LineChart title={title} unit={unit} help={help} share={share} series={series} {...shared} />;
}
