/** The looks of series: a colour, a dash and a marker each, so that none is told from another by colour alone. */

/** The shape of a point. */
export type Marker = 'disc' | 'square' | 'triangle' | 'diamond';

/** The look of a series. */
export interface SeriesStyle {
  /** Custom property of the style sheet. */
  readonly colour: string;
  /** Lengths of strokes and gaps in CSS px; none is a solid line. */
  readonly dash: readonly number[];
  readonly marker: Marker;
}

const STYLES: readonly SeriesStyle[] = [
  { colour: 'series-1', dash: [], marker: 'disc' },
  { colour: 'series-2', dash: [7, 3], marker: 'square' },
  { colour: 'series-3', dash: [2, 3], marker: 'triangle' },
  { colour: 'series-4', dash: [10, 3, 2, 3], marker: 'diamond' },
  { colour: 'series-5', dash: [4, 2], marker: 'disc' },
  { colour: 'series-6', dash: [12, 4], marker: 'square' },
  { colour: 'series-7', dash: [1, 2], marker: 'triangle' },
  { colour: 'series-8', dash: [8, 3, 2, 3, 2, 3], marker: 'diamond' },
];

/** Return the look of the series at an index. Behind the last they begin again, with longer strokes. */
export function seriesStyle(index: number): SeriesStyle {
  const style = STYLES[index % STYLES.length];
  if (!style) throw new RangeError(`no style has the index ${index}`);
  const round = Math.floor(index / STYLES.length);
  return round === 0 ? style : { ...style, dash: style.dash.map((length) => length * (round + 1)) };
}
