/** The values of a chart as CSV. */
import { csvText } from '../ui/csv.ts';
import type { ChartSeries } from './series.ts';
import { valueRows } from './valueRows.ts';

/** The parts of a chart that are saved. */
export interface ChartContent {
  readonly title: string;
  readonly unit?: string | undefined;
  readonly series: readonly ChartSeries[];
  readonly xLabel: string;
}

/** Write a chart's values as CSV; a value that is not there is empty. */
export function chartCsv({ series, xLabel }: ChartContent): string {
  const head = [xLabel, ...series.map(({ label }) => label)];
  const rows = valueRows(series).map(({ x, values }) => [x, ...values]);
  return csvText([head, ...rows]);
}
