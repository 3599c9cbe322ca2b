/** Values of series at a place. */
import { nearest } from './decimate.ts';
import type { ChartMark, ChartSeries } from './series.ts';

/** The value of a series nearest to a place. */
export interface Reading {
  readonly x: number;
  readonly y: number;
  /** Ends of the interval; undefined without one. */
  readonly interval: readonly [low: number, high: number] | undefined;
}

/** Read a series at the x that is nearest to a place, or its last value without a place; undefined of no values. */
export function readingAt({ x, y, interval }: ChartSeries, place: number | undefined): Reading | undefined {
  const index = place === undefined ? x.length - 1 : nearest(x, place);
  const [at, value] = [x[index], y[index]];
  if (at === undefined || value === undefined) return undefined;
  const ends = interval && ([interval.low[index] ?? Number.NaN, interval.high[index] ?? Number.NaN] as const);
  return { x: at, y: value, interval: ends };
}

/** Say the values of all series at a place in one sentence. */
export function readout(
  series: readonly ChartSeries[],
  marks: readonly ChartMark[],
  place: number,
  xLabel: string,
  formatY: (value: number) => string,
): string {
  const values = series.flatMap((one) => {
    const reading = readingAt(one, place);
    return reading ? [`${one.label} ${formatY(reading.y)}`] : [];
  });
  const notes = marks.filter(({ x }) => x === place).map(({ label }) => label);
  return [`${xLabel} ${place.toLocaleString('en')}: ${values.join(', ')}`, ...notes].join('. ');
}
