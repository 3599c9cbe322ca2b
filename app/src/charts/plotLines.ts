/** The lines that a chart draws for its series: as measured, smoothed, and the ends of intervals. */
import { type AlignedValue, align } from './align.ts';
import type { Range } from './chartGroup.ts';
import { decimate, lowerBound } from './decimate.ts';
import type { ChartSeries } from './series.ts';
import { Smoothed } from './smoothing.ts';

/** `raw` stands faintly behind a smoothed `line`; `high` and `low` bound the band of an interval. */
export type LineKind = 'line' | 'raw' | 'high' | 'low';

/** A line to draw. */
export interface PlotLine {
  readonly kind: LineKind;
  readonly series: ChartSeries;
  readonly values: Float64Array;
}

/** Smooths the series of one chart, each on from where it was. */
export class Smoother {
  readonly #smoothed = new Map<string, Smoothed>();

  /** @param beta weight of the past; 0 gives the values themselves. */
  smooth({ key, y }: ChartSeries, beta: number): Float64Array {
    const known = this.#smoothed.get(key);
    const smoothed = known?.beta === beta ? known : new Smoothed(beta);
    this.#smoothed.set(key, smoothed);
    return smoothed.update(y);
  }
}

/** Return the lines of all series in the order of drawing; those of an interval lie beside each other, `high` first. */
export function plotLines(series: readonly ChartSeries[], smoother: Smoother, beta: number): PlotLine[] {
  const smoothed = (one: ChartSeries): boolean => beta > 0 && !one.sparse;
  return [
    ...series.flatMap(bandOf),
    ...series.filter(smoothed).map((one) => ({ kind: 'raw' as const, series: one, values: one.y })),
    ...series.map((one) => ({
      kind: 'line' as const,
      series: one,
      values: smoothed(one) ? smoother.smooth(one, beta) : one.y,
    })),
  ];
}

function bandOf(series: ChartSeries): PlotLine[] {
  if (!series.interval) return [];
  const { high, low } = series.interval;
  return [
    { kind: 'high', series, values: high },
    { kind: 'low', series, values: low },
  ];
}

/**
 * Return what is drawn of lines: the points of a range of x and one at each side of it, decimated to two for each of `parts`
 * parts of it.
 * @param positive leaves out values that a logarithmic scale has no place for.
 */
export function plotData(
  lines: readonly PlotLine[],
  { from, to }: Range,
  parts: number,
  positive: boolean,
): { readonly x: number[]; readonly y: AlignedValue[][] } {
  const points = lines.map(({ series: { x }, values }) => {
    const first = Math.max(0, lowerBound(x, from) - 1);
    const end = Math.min(x.length, lowerBound(x, to) + 2);
    const indices = decimate(values, first, end, parts);
    return {
      x: indices.map((i) => x[i] ?? Number.NaN),
      y: indices.map((i) => {
        const value = values[i] ?? Number.NaN;
        return positive && value <= 0 ? Number.NaN : value;
      }),
    };
  });
  return align(points);
}
