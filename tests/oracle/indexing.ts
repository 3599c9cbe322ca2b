/**
 * Broadcasting by NumPy's rule, and moving data by an index table.
 *
 * Broadcasting, slicing, permuting and gathering all reduce to "output element k is input element index[k]"; the
 * gradient of such a move adds output gradients back through the same table.
 */
import { Array64, type Shape, sizeOf } from './array64.ts';

/** The row-major coordinates of every element of `shape`, in order. The yielded array is reused. */
export function* coordinates(shape: Shape): Generator<number[]> {
  const at = shape.map(() => 0);
  for (let remaining = sizeOf(shape); remaining > 0; remaining--) {
    yield at;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis] += 1;
      if (at[axis] < shape[axis]) break;
      at[axis] = 0;
    }
  }
}

/** Elements to skip for one step along each axis. */
export function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

/** −1 is the last axis. Throws a RangeError outside [−rank, rank). */
export function normalizeAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new RangeError(`axis ${axis} does not exist in an array of rank ${rank}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** NumPy's rule: align at the last axis; sizes must be equal or one of them 1. */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const sizeA = a[axis - rank + a.length] ?? 1;
    const sizeB = b[axis - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new RangeError(`shapes [${a}] and [${b}] do not broadcast`);
    }
    return sizeA === 1 ? sizeB : sizeA;
  });
}

/** For every element of `to`, the offset in an array of shape `from` that broadcasting reads there. */
export function broadcastIndex(from: Shape, to: Shape): Int32Array {
  const lead = to.length - from.length;
  const strides = stridesOf(from);
  const index = new Int32Array(sizeOf(to));
  let k = 0;
  for (const at of coordinates(to)) {
    let offset = 0;
    for (let axis = 0; axis < from.length; axis++) {
      if (from[axis] !== 1) offset += at[axis + lead] * strides[axis];
    }
    index[k++] = offset;
  }
  return index;
}

/** out[k] = a[index[k]]; gradients of an element read more than once add up. */
export function take(a: Array64, index: ArrayLike<number>, shape: Shape): Array64 {
  const out = Float64Array.from({ length: index.length }, (_, k) => a.data[index[k]]);
  const vjp = (gradOutput: Float64Array): Float64Array => {
    const gradInput = new Float64Array(a.size);
    for (let k = 0; k < gradOutput.length; k++) gradInput[index[k]] += gradOutput[k];
    return gradInput;
  };
  return new Array64(out, shape, false, [{ of: a, vjp }]);
}
