/** Fewer points of a long series that look like all of them: the extremes of every part stay. */

/**
 * Choose points of a range of a series: the least and the greatest value of each of `parts` equal parts, and the first and the
 * last of all. A part without values keeps one point, so that its gap is drawn.
 * @param from first index of the range. @param to index behind its last.
 * @returns ascending indices; all of the range if it has no more than two points for each part.
 */
export function decimate(values: Float64Array, from: number, to: number, parts: number): number[] {
  const count = to - from;
  if (count <= 2 * parts) return Array.from({ length: Math.max(0, count) }, (_, i) => from + i);
  const chosen = [from];
  const take = (index: number): void => {
    if (index > (chosen.at(-1) ?? -1)) chosen.push(index);
  };
  for (let part = 0; part < parts; part++) {
    const start = from + Math.floor((part * count) / parts);
    const end = from + Math.floor(((part + 1) * count) / parts);
    let least = start;
    let greatest = start;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = start; i < end; i++) {
      const value = values[i] ?? Number.NaN;
      // Comparisons with NaN are false: it is no extreme.
      if (value < low) {
        low = value;
        least = i;
      }
      if (value > high) {
        high = value;
        greatest = i;
      }
    }
    take(Math.min(least, greatest));
    take(Math.max(least, greatest));
  }
  take(to - 1);
  return chosen;
}

/** Return the index of the first value that is not less than `x`, of ascending values. */
export function lowerBound(values: Float64Array, x: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? Number.POSITIVE_INFINITY) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Return the index of the value that is nearest to `x`, of ascending values; −1 of none. */
export function nearest(values: Float64Array, x: number): number {
  const above = lowerBound(values, x);
  const below = above - 1;
  if (above >= values.length) return below;
  if (below < 0) return above;
  return x - (values[below] ?? x) <= (values[above] ?? x) - x ? below : above;
}
