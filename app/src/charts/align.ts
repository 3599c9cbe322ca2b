/** Puts series with places of their own on common ones, as uPlot wants them. */

/** A series whose x ascend. */
export interface Points {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** A value at a common x: null where the series has a gap, undefined where it has no point. */
export type AlignedValue = number | null | undefined;

/** Align series: the x of all, ascending and each once, and the values of each series there. */
export function align(series: readonly Points[]): { readonly x: number[]; readonly y: AlignedValue[][] } {
  const x = commonPlaces(series);
  const y = series.map((points) => {
    let next = 0;
    return x.map((place) => {
      if (points.x[next] !== place) return undefined;
      const value = points.y[next++] ?? Number.NaN;
      return Number.isNaN(value) ? null : value;
    });
  });
  return { x, y };
}

function commonPlaces([first, ...others]: readonly Points[]): number[] {
  if (!first) return [];
  // Series of one run have the same places, unless they were decimated.
  if (others.every(({ x }) => x === first.x)) return [...first.x];
  const all = Float64Array.from([first, ...others].flatMap(({ x }) => x)).sort();
  return Array.from(all.filter((place, i) => i === 0 || place !== all[i - 1]));
}
