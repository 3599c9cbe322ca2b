/** Series and marks that charts show. */
import type { SeriesStyle } from './seriesStyle.ts';

/** Values over steps. */
export interface ChartSeries {
  /** Names the series among those of its chart. */
  readonly key: string;
  readonly label: string;
  readonly style: SeriesStyle;
  /** Ascending. */
  readonly x: Float64Array;
  /** One for each x; NaN is a gap. */
  readonly y: Float64Array;
  /** The ends of an interval about each value, such as one of 95 %. */
  readonly interval?: { readonly low: Float64Array; readonly high: Float64Array } | undefined;
  /** Few values, each of which gets a marker; they are not smoothed. */
  readonly sparse?: boolean | undefined;
}

/** A place that is worth a look. */
export interface ChartMark {
  readonly x: number;
  readonly label: string;
}

/** Return the least and the greatest x of all series; undefined without any. */
export function extentOf(
  series: readonly ChartSeries[],
): { readonly from: number; readonly to: number } | undefined {
  const filled = series.filter(({ x }) => x.length > 0);
  if (filled.length === 0) return undefined;
  return {
    from: Math.min(...filled.map(({ x }) => x[0] ?? 0)),
    to: Math.max(...filled.map(({ x }) => x.at(-1) ?? 0)),
  };
}
