/** Keys of charts. */
import { panned, type Range, zoomed } from './chartGroup.ts';
import { lowerBound, nearest } from './decimate.ts';

/** Steps of the arrow keys over all that is shown, at most. */
const STEPS = 200;
const ZOOM = 0.5;

/** The state of a chart that keys change. */
export interface ChartView {
  /** The x of all its points, ascending. */
  readonly places: Float64Array;
  /** The x under the cursor. */
  readonly cursor: number | undefined;
  /** The part that is shown; undefined is all. */
  readonly zoom: Range | undefined;
}

/** The cursor and the zoom after a key. */
export type KeyResult = Pick<ChartView, 'cursor' | 'zoom'>;

/**
 * Return what a key changes; undefined if it means nothing. The arrows move the cursor, PageUp and PageDown move it by a tenth,
 * Home and End to the ends of what is shown, `+` and `-` zoom about it, `0` and Escape show all.
 */
export function pressed(key: string, { places, cursor, zoom }: ChartView): KeyResult | undefined {
  const [first, last] = [places[0], places.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const limits = { from: first, to: last };
  const shown = zoom ?? limits;
  const start = lowerBound(places, shown.from);
  const end = Math.max(start, lowerBound(places, shown.to));
  const index = cursor === undefined ? undefined : nearest(places, cursor);
  const stride = Math.max(1, Math.round((end - start) / STEPS));
  const move = (to: number): KeyResult => {
    const place = places[Math.min(Math.max(to, 0), places.length - 1)] ?? last;
    return { cursor: place, zoom: panned(zoom, limits, place) };
  };
  switch (key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return move((index ?? end + stride) - stride);
    case 'ArrowRight':
    case 'ArrowUp':
      return move((index ?? start - stride) + stride);
    case 'PageDown':
      return move((index ?? end) - Math.max(1, Math.round((end - start) / 10)));
    case 'PageUp':
      return move((index ?? start) + Math.max(1, Math.round((end - start) / 10)));
    case 'Home':
      return move(start);
    case 'End':
      return move(Math.min(end, places.length - 1));
    case '+':
    case '=':
      return { cursor, zoom: zoomed(shown, limits, cursor ?? shown.to, ZOOM) };
    case '-':
      return { cursor, zoom: zoomed(shown, limits, cursor ?? shown.to, 1 / ZOOM) };
    case '0':
      return { cursor, zoom: undefined };
    case 'Escape':
      return { cursor: undefined, zoom: undefined };
    default:
      return undefined;
  }
}
