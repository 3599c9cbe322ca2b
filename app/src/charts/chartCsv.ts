/** The values of a chart as CSV. */
import type { ChartSeries } from './series.ts';
import { valueRows } from './valueRows.ts';

/** What is saved of a chart. */
export interface ChartContent {
  readonly title: string;
  readonly unit?: string | undefined;
  readonly series: readonly ChartSeries[];
  readonly xLabel: string;
}

/** Write a chart's values as CSV (RFC 4180); a value that is not there is empty. */
export function chartCsv({ series, xLabel }: ChartContent): string {
  const head = [xLabel, ...series.map(({ label }) => label)];
  const rows = valueRows(series).map(({ x, values }) => [x, ...values]);
  return [head, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

function csvField(value: string | number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '';
  if (typeof value === 'number') return String(value);
  // A name that begins like a formula must not become one in a spreadsheet.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
