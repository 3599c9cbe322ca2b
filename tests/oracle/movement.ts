/** Ops that move elements without changing them. Each is an index table; see `take`. */
import { Array64, type Shape, sizeOf } from './array64.ts';
import { broadcastIndex, broadcastShapes, coordinates, normalizeAxis, stridesOf, take } from './indexing.ts';

/** Integers that select elements: token ids, gathered columns. Never differentiated. */
export interface Indices {
  readonly data: ArrayLike<number>;
  readonly shape: Shape;
}

/** The same elements in row-major order; one size may be −1 and is worked out. */
export function reshape(a: Array64, shape: Shape): Array64 {
  const known = shape.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const resolved = shape.map((dim) => (dim === -1 ? a.size / known : dim));
  if (sizeOf(resolved) !== a.size || !resolved.every(Number.isInteger)) {
    throw new RangeError(`reshape: ${a.size} elements do not fit [${shape}]`);
  }
  return new Array64(a.data, resolved, false, [{ of: a, vjp: (gradOutput) => gradOutput }]);
}

/** out.shape[i] = a.shape[order[i]]. */
export function permute(a: Array64, order: readonly number[]): Array64 {
  const axes = order.map((axis) => normalizeAxis(axis, a.rank));
  if (axes.length !== a.rank || new Set(axes).size !== a.rank) {
    throw new RangeError(`permute: [${order}] is not an order of ${a.rank} axes`);
  }
  const strides = stridesOf(a.shape);
  const shape = axes.map((axis) => a.shape[axis]);
  const index = Array.from(coordinates(shape), (at) =>
    at.reduce((sum, c, i) => sum + c * strides[axes[i]], 0),
  );
  return take(a, index, shape);
}

/** Swaps two axes; the last two by default. */
export function transpose(a: Array64, axis0 = -2, axis1 = -1): Array64 {
  const order = a.shape.map((_, axis) => axis);
  const [i, j] = [normalizeAxis(axis0, a.rank), normalizeAxis(axis1, a.rank)];
  [order[i], order[j]] = [order[j], order[i]];
  return permute(a, order);
}

export function broadcastTo(a: Array64, shape: Shape): Array64 {
  if (broadcastShapes(a.shape, shape).join() !== [...shape].join()) {
    throw new RangeError(`broadcastTo: [${a.shape}] does not broadcast to [${shape}]`);
  }
  return take(a, broadcastIndex(a.shape, shape), shape);
}

/** Elements start … end − 1 (step 1) along one axis. Negative positions count from the end, as in Python. */
export function slice(
  a: Array64,
  axis: number,
  start: number,
  end: number = a.shape[normalizeAxis(axis, a.rank)],
) {
  const length = a.shape[normalizeAxis(axis, a.rank)];
  const place = (position: number): number =>
    Math.min(Math.max(position < 0 ? position + length : position, 0), length);
  const from = place(start);
  const count = Math.max(place(end) - from, 0);
  return indexSelect(
    a,
    axis,
    Array.from({ length: count }, (_, i) => from + i),
  );
}

/** The given positions along one axis, repeats allowed: rows of a table for axis 0. */
export function indexSelect(a: Array64, axis: number, positions: ArrayLike<number>): Array64 {
  const along = normalizeAxis(axis, a.rank);
  checkPositions('indexSelect', positions, a.shape[along]);
  const shape = a.shape.map((dim, i) => (i === along ? positions.length : dim));
  const strides = stridesOf(a.shape);
  const index = Array.from(coordinates(shape), (at) =>
    at.reduce((sum, c, i) => sum + (i === along ? positions[c] : c) * strides[i], 0),
  );
  return take(a, index, shape);
}

/**
 * out[i…, j, k…] = a[i…, index[i…, j, k…], k…] at `axis`; index is no larger than a off the axis. Positions outside read
 * `missing`, and are refused without it.
 */
export function gather(a: Array64, axis: number, indices: Indices, missing?: number): Array64 {
  const along = normalizeAxis(axis, a.rank);
  refuseLarger('gather', indices, a, along);
  if (missing === undefined) checkPositions('gather', indices.data, a.shape[along]);
  let k = 0;
  return remap(
    a,
    indices.shape,
    (at) => {
      const position = indices.data[k++];
      if (position < 0 || position >= a.shape[along]) return undefined;
      return at.map((c, i) => (i === along ? position : c));
    },
    missing,
  );
}

/** a plus, at index[i…, j, k…] along `axis`, source[i…, j, k…]; positions outside are skipped. */
export function scatterAdd(a: Array64, axis: number, indices: Indices, source: Array64): Array64 {
  const along = normalizeAxis(axis, a.rank);
  refuseLarger('scatterAdd', indices, a, along);
  const [strides, sourceStrides] = [stridesOf(a.shape), stridesOf(source.shape)];
  const out = Float64Array.from(a.data);
  const moves: { to: number; from: number }[] = [];
  let k = 0;
  for (const at of coordinates(indices.shape)) {
    const position = indices.data[k++];
    if (position < 0 || position >= a.shape[along]) continue;
    const to = at.reduce((offset, c, i) => offset + (i === along ? position : c) * strides[i], 0);
    moves.push({ to, from: at.reduce((offset, c, i) => offset + c * sourceStrides[i], 0) });
  }
  for (const { to, from } of moves) out[to] += source.data[from];
  const bySource = (gradOutput: Float64Array): Float64Array => {
    const gradSource = new Float64Array(source.size);
    for (const { to, from } of moves) gradSource[from] += gradOutput[to];
    return gradSource;
  };
  return new Array64(out, a.shape, false, [
    { of: a, vjp: (gradOutput) => gradOutput },
    { of: source, vjp: bySource },
  ]);
}

/** Return for every index inside the axis its offset in `a`, and the offset of its value in the source. */
function writes(a: Array64, axis: number, indices: Indices, source: Array64): { to: number; from: number }[] {
  const along = normalizeAxis(axis, a.rank);
  const [strides, sourceStrides] = [stridesOf(a.shape), stridesOf(source.shape)];
  return Array.from(coordinates(indices.shape), (at, k) => ({
    position: indices.data[k],
    to: at.reduce((offset, c, i) => offset + (i === along ? indices.data[k] : c) * strides[i], 0),
    from: at.reduce((offset, c, i) => offset + c * sourceStrides[i], 0),
  })).filter(({ position }) => position >= 0 && position < a.shape[along]);
}

/** Reduction of the values of a place by `scatterReduce`. */
export type Reduce = 'sum' | 'prod' | 'mean' | 'amax' | 'amin';

const REDUCERS: Readonly<Record<Reduce, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((total, x) => total + x, 0),
  prod: (values) => values.reduce((total, x) => total * x, 1),
  mean: (values) => values.reduce((total, x) => total + x, 0) / values.length,
  amax: (values) => values.reduce((top, x) => Math.max(top, x), Number.NEGATIVE_INFINITY),
  amin: (values) => values.reduce((top, x) => Math.min(top, x), Number.POSITIVE_INFINITY),
};

/** The slope of a reduction by value number i: products of the others multiplied out, ties sharing evenly. */
function slopeOf(reduce: Reduce, values: readonly number[], i: number, result: number): number {
  if (reduce === 'sum') return 1;
  if (reduce === 'mean') return 1 / values.length;
  if (reduce === 'prod') return values.reduce((total, x, k) => (k === i ? total : total * x), 1);
  return values[i] === result ? 1 / values.filter((x) => x === result).length : 0;
}

/** Return a with the reduction at every indexed position: of the source's values there, and of a's if it is included. */
export function scatterReduce(
  a: Array64,
  axis: number,
  indices: Indices,
  source: Array64,
  reduce: Reduce,
  includeSelf = true,
): Array64 {
  const members = new Map<number, number[]>();
  for (const { to, from } of writes(a, axis, indices, source)) {
    members.set(to, [...(members.get(to) ?? []), from]);
  }
  const valuesAt = (to: number): number[] => {
    const others = (members.get(to) ?? []).map((from) => source.data[from]);
    return includeSelf || others.length === 0 ? [a.data[to], ...others] : others;
  };
  const out = a.data.map((x, to) => (members.has(to) ? REDUCERS[reduce](valuesAt(to)) : x));
  const bySelf = (gradOutput: Float64Array): Float64Array =>
    gradOutput.map((g, to) => {
      if (!members.has(to)) return g;
      return includeSelf ? g * slopeOf(reduce, valuesAt(to), 0, out[to]) : 0;
    });
  const bySource = (gradOutput: Float64Array): Float64Array => {
    const gradSource = new Float64Array(source.size);
    for (const [to, list] of members) {
      list.forEach((from, i) => {
        gradSource[from] += gradOutput[to] * slopeOf(reduce, valuesAt(to), i + Number(includeSelf), out[to]);
      });
    }
    return gradSource;
  };
  return new Array64(out, a.shape, false, [
    { of: a, vjp: bySelf },
    { of: source, vjp: bySource },
  ]);
}

/** a with the source at the index; of several values for one place the last one. */
export function scatter(a: Array64, axis: number, indices: Indices, source: Array64): Array64 {
  const winners = new Map(writes(a, axis, indices, source).map(({ to, from }) => [to, from]));
  const out = a.data.map((x, to) => (winners.has(to) ? source.data[winners.get(to) as number] : x));
  const bySource = (gradOutput: Float64Array): Float64Array => {
    const gradSource = new Float64Array(source.size);
    for (const [to, from] of winners) gradSource[from] += gradOutput[to];
    return gradSource;
  };
  return new Array64(out, a.shape, false, [
    { of: a, vjp: (gradOutput) => gradOutput.map((g, to) => (winners.has(to) ? 0 : g)) },
    { of: source, vjp: bySource },
  ]);
}

/** a side by side with itself, counts[i] times along axis i; missing counts are 1, and so are missing axes. */
export function tile(a: Array64, counts: readonly number[]): Array64 {
  const rank = Math.max(a.rank, counts.length);
  const own = [...new Array(rank - a.rank).fill(1), ...a.shape];
  const times = [...new Array(rank - counts.length).fill(1), ...counts];
  const strides = stridesOf(own);
  const shape = own.map((n, i) => n * times[i]);
  const index = Array.from(coordinates(shape), (at) =>
    at.reduce((offset, c, i) => offset + (c % own[i]) * strides[i], 0),
  );
  return take(a, index, shape);
}

/** Each slice along an axis, `counts[i]` times in a row. */
export function repeatInterleave(a: Array64, counts: readonly number[], axis: number): Array64 {
  return indexSelect(
    a,
    axis,
    counts.flatMap((count, i) => new Array<number>(count).fill(i)),
  );
}

/** The elements where the mask, broadcast with a, is not 0, in row-major order. */
export function maskedSelect(a: Array64, mask: Array64): Array64 {
  const shape = broadcastShapes(a.shape, mask.shape);
  const [indexA, indexMask] = [broadcastIndex(a.shape, shape), broadcastIndex(mask.shape, shape)];
  const chosen = indexA.filter((_, k) => mask.data[indexMask[k]] !== 0);
  return take(a, chosen, [chosen.length]);
}

/** 1 at the index, 0 elsewhere, along a new last axis. */
export function oneHot(indices: Indices, classes: number): Array64 {
  const rows = Array.from(indices.data, (position) =>
    Array.from({ length: classes }, (_, c) => Number(c === position)),
  );
  return new Array64(Float64Array.from(rows.flat()), [...indices.shape, classes]);
}

/** The positions along an axis in order of their values: equal ones in order of position, NaN above all. */
export function argsort(a: Array64, axis = -1, descending = false): Indices {
  const along = normalizeAxis(axis, a.rank);
  const [stride, size] = [stridesOf(a.shape)[along], a.shape[along]];
  const order = new Float64Array(a.size);
  const compare = (x: number, y: number): number => {
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x < y ? -1 : Number(x > y);
  };
  let k = -1;
  for (const at of coordinates(a.shape)) {
    k += 1;
    if (at[along] !== 0) continue;
    const value = (position: number): number => a.data[k + position * stride];
    Array.from({ length: size }, (_, position) => position)
      .sort((i, j) => (descending ? compare(value(j), value(i)) : compare(value(i), value(j))) || i - j)
      .forEach((position, place) => {
        order[k + place * stride] = position;
      });
  }
  return { data: order, shape: a.shape };
}

/** Rows of `weight` (V,d) for every id: shape [...ids.shape, d]. */
export function embedding(weight: Array64, ids: Indices): Array64 {
  return reshape(indexSelect(weight, 0, ids.data), [...ids.shape, weight.shape[1]]);
}

/** Joins arrays along one axis; all other sizes must agree. */
export function cat(parts: readonly Array64[], axis: number): Array64 {
  const [first] = parts;
  if (first === undefined) throw new RangeError('cat: nothing to join');
  const along = normalizeAxis(axis, first.rank);
  const agree = (part: Array64): boolean =>
    part.rank === first.rank && part.shape.every((dim, i) => i === along || dim === first.shape[i]);
  if (!parts.every(agree)) {
    throw new RangeError(
      `cat: shapes ${parts.map((p) => `[${p.shape}]`).join(', ')} differ off axis ${axis}`,
    );
  }
  const total = parts.reduce((sum, part) => sum + part.shape[along], 0);
  const shape = first.shape.map((dim, i) => (i === along ? total : dim));
  const strides = stridesOf(shape);
  const out = new Float64Array(sizeOf(shape));
  let before = 0;
  const parents = parts.map((part) => {
    const shift = before;
    before += part.shape[along];
    const index = Array.from(coordinates(part.shape), (at) =>
      at.reduce((sum, c, i) => sum + (i === along ? c + shift : c) * strides[i], 0),
    );
    index.forEach((position, k) => {
      out[position] = part.data[k];
    });
    return {
      of: part,
      vjp: (gradOutput: Float64Array) => Float64Array.from(index, (position) => gradOutput[position]),
    };
  });
  return new Array64(out, shape, false, parents);
}

/** One array for each of the sizes, one after the other along an axis. */
export function split(a: Array64, sizes: readonly number[], axis: number): Array64[] {
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return slice(a, axis, start - size, start);
  });
}

/** Arrays of one shape along a new axis. */
export function stack(parts: readonly Array64[], axis: number): Array64 {
  const along = axis < 0 ? axis + (parts[0]?.rank ?? 0) + 1 : axis;
  return cat(
    parts.map((part) => reshape(part, part.shape.toSpliced(along, 0, 1))),
    along,
  );
}

/** out at each coordinate is a at the coordinate that `from` names, or `fill` where it names none. */
export function remap(
  a: Array64,
  shape: Shape,
  from: (at: readonly number[]) => readonly number[] | undefined,
  fill = 0,
): Array64 {
  const strides = stridesOf(a.shape);
  const sources = Array.from(coordinates(shape), (at) =>
    from(at)?.reduce((offset, c, i) => offset + c * strides[i], 0),
  );
  const out = sources.map((source) => (source === undefined ? fill : a.data[source]));
  const vjp = (gradOutput: Float64Array): Float64Array => {
    const gradInput = new Float64Array(a.size);
    sources.forEach((source, k) => {
      if (source !== undefined) gradInput[source] += gradOutput[k];
    });
    return gradInput;
  };
  return new Array64(Float64Array.from(out), shape, false, [{ of: a, vjp }]);
}

/** `fill` around a: [before, after] along every axis. Negative ones cut off. */
export function pad(a: Array64, pads: readonly (readonly [number, number])[], fill = 0): Array64 {
  const shape = a.shape.map((dim, i) => dim + pads[i][0] + pads[i][1]);
  const inside = (c: number, i: number): boolean => c >= pads[i][0] && c < pads[i][0] + a.shape[i];
  return remap(a, shape, (at) => (at.every(inside) ? at.map((c, i) => c - pads[i][0]) : undefined), fill);
}

/** Reversed along the axes. */
export function flip(a: Array64, axes: readonly number[]): Array64 {
  const flipped = axes.map((axis) => normalizeAxis(axis, a.rank));
  return remap(a, a.shape, (at) => at.map((c, i) => (flipped.includes(i) ? a.shape[i] - 1 - c : c)));
}

/** Moved along one axis, around the end. */
export function roll(a: Array64, shift: number, axis: number): Array64 {
  const along = normalizeAxis(axis, a.rank);
  const size = a.shape[along];
  return remap(a, a.shape, (at) =>
    at.map((c, i) => (i === along ? (((c - shift) % size) + size) % size : c)),
  );
}

/** Matrices with 0 wherever `keep(column − row)` is false. */
export function band(a: Array64, keep: (diagonal: number) => boolean): Array64 {
  return remap(a, a.shape, (at) => (keep(at[a.rank - 1] - at[a.rank - 2]) ? at : undefined));
}

function refuseLarger(op: string, indices: Indices, a: Array64, along: number): void {
  const fits =
    indices.shape.length === a.rank && indices.shape.every((dim, i) => i === along || dim <= a.shape[i]);
  if (!fits) throw new RangeError(`${op}: index [${indices.shape}] does not fit [${a.shape}]`);
}

function checkPositions(op: string, positions: ArrayLike<number>, limit: number): void {
  for (let i = 0; i < positions.length; i++) {
    if (!Number.isInteger(positions[i]) || positions[i] < 0 || positions[i] >= limit) {
      throw new RangeError(`${op}: index ${positions[i]} at ${i} is outside 0 … ${limit - 1}`);
    }
  }
}
