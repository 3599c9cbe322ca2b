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

/** out[i…, j, k…] = a[i…, index[i…, j, k…], k…] at `axis`; the other sizes of index must equal a's. */
export function gather(a: Array64, axis: number, indices: Indices): Array64 {
  const along = normalizeAxis(axis, a.rank);
  const fits =
    indices.shape.length === a.rank && a.shape.every((dim, i) => i === along || dim === indices.shape[i]);
  if (!fits)
    throw new RangeError(`gather: index [${indices.shape}] does not fit [${a.shape}] along axis ${axis}`);
  checkPositions('gather', indices.data, a.shape[along]);
  const strides = stridesOf(a.shape);
  let k = 0;
  const index = Array.from(coordinates(indices.shape), (at) => {
    const position = indices.data[k++];
    return at.reduce((sum, c, i) => sum + (i === along ? position : c) * strides[i], 0);
  });
  return take(a, index, indices.shape);
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

function checkPositions(op: string, positions: ArrayLike<number>, limit: number): void {
  for (let i = 0; i < positions.length; i++) {
    if (!Number.isInteger(positions[i]) || positions[i] < 0 || positions[i] >= limit) {
      throw new RangeError(`${op}: index ${positions[i]} at ${i} is outside 0 … ${limit - 1}`);
    }
  }
}
