/** The values of series by x. */
import type { ChartSeries } from './series.ts';

/** The values of all series at an x; undefined where a series has no point. */
export interface ValueRow {
  readonly x: number;
  readonly values: readonly (number | undefined)[];
}

/** Return a row for each x of any series, ascending. */
export function valueRows(series: readonly ChartSeries[]): readonly ValueRow[] {
  const rows = new Map<number, (number | undefined)[]>();
  for (const [i, { x, y }] of series.entries()) {
    for (const [j, place] of x.entries()) {
      const row = rows.get(place) ?? Array.from(series, () => undefined);
      row[i] = y[j];
      rows.set(place, row);
    }
  }
  return [...rows].map(([x, values]) => ({ x, values })).sort((a, b) => a.x - b.x);
}
