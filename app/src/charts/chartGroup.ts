/** The cursor and the zoom that the charts of a page share. */
import { signal } from '@preact/signals';

/** A range of x. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Links charts: one cursor, one zoom. */
export class ChartGroup {
  /** The x under the cursor; undefined without one. */
  readonly cursor = signal<number | undefined>(undefined);
  /** The part that is shown; undefined shows all. */
  readonly zoom = signal<Range | undefined>(undefined);
}

/** Enlarge a range by a factor about a place, within limits; undefined if all is shown. */
export function zoomed(shown: Range, limits: Range, about: number, factor: number): Range | undefined {
  const centre = Math.min(Math.max(about, shown.from), shown.to);
  const from = Math.max(limits.from, centre - (centre - shown.from) * factor);
  const to = Math.min(limits.to, centre + (shown.to - centre) * factor);
  return from <= limits.from && to >= limits.to ? undefined : { from, to };
}

/** Move a range so that it holds a place; undefined stays all. */
export function panned(zoom: Range | undefined, limits: Range, place: number): Range | undefined {
  if (!zoom || (place >= zoom.from && place <= zoom.to)) return zoom;
  const width = zoom.to - zoom.from;
  const from = Math.min(Math.max(place - width / 2, limits.from), limits.to - width);
  return { from, to: from + width };
}
