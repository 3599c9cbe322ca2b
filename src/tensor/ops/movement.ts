/**
 * Ops that move values without computing. Data stays contiguous, so they copy. They take every dtype except f16.
 * Ops that keep the order of the values are in reshape.ts.
 */
import { expectKind, expectShape, type Kind, listOf, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import type { Scalar } from '../../gpu/kernel.ts';
import { type Axis, move, triangle } from '../../kernels/movement.ts';
import { differentiable } from '../autograd.ts';
import { expectOperands, WORDS } from '../operands.ts';
import { type DType, type Shape, showShape, sizeOf, Tensor } from '../tensor.ts';
import { checkedScalar } from '../values.ts';
import { normaliseAxis, stridesOf, wrapAxis } from './axes.ts';
import { sumTo } from './reduce.ts';
import { reshape } from './reshape.ts';

const AXES = listOf(real(), 'axes');
const RANGES: Kind = {
  takes: 'a list of [start, end, step] or null, one for each axis',
  accepts: (value) => Array.isArray(value) && value.every((each) => each === null || Array.isArray(each)),
};
const PADS: Kind = {
  takes: 'a list of [before, after], one for each axis',
  accepts: (value) => Array.isArray(value) && value.every((each) => Array.isArray(each) && each.length === 2),
};

/** Return a tensor of the values that the kernel `move` reads along `axes`. */
function moved(x: Tensor, axes: readonly Axis[], fill: Scalar = 0): Tensor {
  const y = Tensor.empty(
    x.device,
    axes.map(({ count }) => count),
    x.dtype,
  );
  move(x.device, x.view, y.view, axes, fill);
  return y;
}

/** Permute the axes: axis i of the result is axis order[i] of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  expectOperands('permute', { x: [x, WORDS] });
  expectKind('permute', 'the order', order, AXES);
  const axes = order.map((axis) => normaliseAxis('permute', axis, x.shape));
  if (axes.length !== x.shape.length || new Set(axes).size !== axes.length) {
    throw new ShapeError(
      'permute',
      `(${order.join(',')}) is not an order of the axes of ${showShape(x.shape)}`,
      'name every axis once',
    );
  }
  const strides = stridesOf(x.shape);
  const walk = axes.map((axis) => ({ count: x.shape[axis] as number, stride: strides[axis] as number }));
  const y = moved(x, walk);
  const inverse = axes.map((_, i) => axes.indexOf(i));
  differentiable('permute', [x], y, (dy) => [permute(dy, inverse)]);
  return y;
}

/** Swap two axes. Default: the last two. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  expectOperands('transpose', { x: [x, WORDS] });
  const [a, b] = [axis0, axis1].map((axis) => wrapAxis('transpose', axis, x.shape)) as [number, number];
  const order = x.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return permute(x, order);
}

/**
 * Repeat x along its axes of size 1, and along new leading axes, to `shape`; −1 keeps a size. Elementwise ops broadcast
 * without this copy.
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  expectOperands('expand', { x: [x, WORDS] });
  expectShape('expand', shape, 'left');
  const added = shape.length - x.shape.length;
  const target = shape.map((n, i) => (n === -1 && i >= added ? (x.shape[i - added] as number) : n));
  const fits = x.shape.every((n, i) => n === 1 || n === target[i + added]);
  if (added < 0 || !fits || !target.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new ShapeError(
      'expand',
      `${showShape(x.shape)} does not expand to ${showShape(shape)}`,
      'change only sizes of 1, and add axes in front',
    );
  }
  const strides = stridesOf(x.shape);
  const walk = target.map((count, i) => {
    const axis = i - added;
    return { count, stride: axis < 0 || x.shape[axis] === 1 ? 0 : (strides[axis] as number) };
  });
  const y = moved(x, walk);
  differentiable('expand', [x], y, (dy) => [sumTo(dy, x.shape)]);
  return y;
}

/**
 * [start, end, step] along one axis, like Python's start:end:step. Negative positions count from the end, positions out of
 * range are clamped, and null means the first or last position in the direction of the step.
 */
export type Range = readonly [start: number | null, end?: number | null, step?: number];

/** Return the start, the step and the number of positions of a range. */
function resolveRange(range: Range, size: number): { start: number; step: number; count: number } {
  const [first, last = null, step = 1] = range;
  if (!Number.isInteger(step) || step === 0 || ![first ?? 0, last ?? 0].every(Number.isInteger)) {
    throw new ShapeError(
      'slice',
      `[${range.map((n) => n ?? 'null').join(',')}] is not a range of integers with a step`,
      'give [start, end, step] with a step other than 0',
    );
  }
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const place = (position: number | null, otherwise: number): number =>
    position === null ? otherwise : Math.min(Math.max(position < 0 ? position + size : position, low), high);
  const start = place(first, step > 0 ? low : high);
  const end = place(last, step > 0 ? high : low);
  return { start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
}

/**
 * Return the part of x that the ranges select, one for each axis. null, and axes after the last range, select a whole axis.
 * `slice(x, [null, [1, -1], [null, null, -2]])` is NumPy's x[:, 1:-1, ::-2].
 */
export function slice(x: Tensor, ranges: readonly (Range | null)[]): Tensor {
  expectOperands('slice', { x: [x, WORDS] });
  expectKind('slice', 'ranges', ranges, RANGES);
  if (ranges.length > x.shape.length) {
    throw new ShapeError(
      'slice',
      `${ranges.length} ranges for shape ${showShape(x.shape)}`,
      'give at most one range an axis',
    );
  }
  const strides = stridesOf(x.shape);
  const parts = x.shape.map((size, i) => {
    const range = ranges[i];
    return range ? resolveRange(range, size) : { start: 0, step: 1, count: size };
  });
  const walk = parts.map((part, i) => ({ ...part, stride: strides[i] as number }));
  const y = moved(x, walk);
  differentiable('slice', [x], y, (dy) => [scatterSlice(dy, x.shape, parts)]);
  return y;
}

/** Return zeros of `shape` with dy at the positions of the slice: dy read with the inverse of every step. */
function scatterSlice(
  dy: Tensor,
  shape: Shape,
  parts: readonly { readonly start: number; readonly step: number }[],
): Tensor {
  const strides = stridesOf(dy.shape);
  const walk = parts.map(({ start, step }, i): Axis => {
    const [count, stride, size] = [shape[i], strides[i], dy.shape[i]] as [number, number, number];
    // Whole axes need no bounds, and merge with their neighbours.
    if (start === 0 && step === 1 && size === count) return { count, stride };
    const direction = Math.sign(step);
    return { count, stride, start: -start * direction, step: direction, dilation: Math.abs(step), size };
  });
  return moved(dy, walk);
}

/** Return `length` positions along `axis` from `start` on. A negative start counts from the end. */
export function narrow(x: Tensor, axis: number, start: number, length: number): Tensor {
  expectOperands('narrow', { x: [x, WORDS] });
  const along = normaliseAxis('narrow', axis, x.shape);
  const size = x.shape[along] as number;
  const from = start < 0 ? start + size : start;
  const inside = Number.isInteger(from) && Number.isInteger(length) && from >= 0 && length >= 0;
  if (!inside || from + length > size) {
    throw new ShapeError(
      'narrow',
      `${length} places from ${start} do not lie within axis ${axis} of ${showShape(x.shape)}`,
      `stay within its ${size} places`,
    );
  }
  return slice(x, [...x.shape.slice(0, along).map(() => null), [from, from + length]]);
}

/** Return x at one position of an axis, without that axis. A negative index counts from the end. */
export function select(x: Tensor, axis: number, index: number): Tensor {
  expectOperands('select', { x: [x, WORDS] });
  const along = normaliseAxis('select', axis, x.shape);
  const size = x.shape[along] as number;
  if (!Number.isInteger(index) || index < -size || index >= size) {
    throw new ShapeError(
      'select',
      `index ${index} does not exist in axis ${axis} of ${showShape(x.shape)}`,
      `stay within its ${size} places`,
    );
  }
  return reshape(narrow(x, along, index, 1), x.shape.toSpliced(along, 1));
}

/** Reverse the order of values along `axes`. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  expectOperands('flip', { x: [x, WORDS] });
  expectKind('flip', 'axes', axes, AXES);
  const flipped = axes.map((axis) => wrapAxis('flip', axis, x.shape));
  if (new Set(flipped).size !== flipped.length)
    throw new ShapeError(
      'flip',
      `(${axes.join(',')}) names an axis of ${showShape(x.shape)} twice`,
      'name each axis once',
    );
  return slice(
    x,
    x.shape.map((_, i) => (flipped.includes(i) ? [null, null, -1] : null)),
  );
}

const word = new DataView(new ArrayBuffer(4));

/** Return the 32-bit word that represents a number in a dtype. */
function bitsOf(dtype: DType, value: number): number {
  if (dtype === 'f32') word.setFloat32(0, value);
  else word.setUint32(0, dtype === 'bool' ? Number(value !== 0) : value);
  return word.getUint32(0);
}

/**
 * Pad x with `value`: pads[i] = [before, after] positions along axis i. Axes after the last pair stay unchanged. Negative
 * numbers remove positions.
 */
export function pad(x: Tensor, pads: readonly (readonly [number, number])[], value: Scalar = 0): Tensor {
  expectOperands('pad', { x: [x, WORDS] });
  expectKind('pad', 'pads', pads, PADS);
  const widths = x.shape.map((_, i) => pads[i] ?? [0, 0]) as [number, number][];
  const shape = x.shape.map((n, i) => n + (widths[i]?.[0] ?? 0) + (widths[i]?.[1] ?? 0));
  const valid = widths.flat().every(Number.isInteger) && shape.every((n) => n >= 0);
  if (!valid || pads.length > x.shape.length) {
    throw new ShapeError(
      'pad',
      `[${pads.map((pair) => `[${pair}]`)}] does not fit ${showShape(x.shape)}`,
      'give [before, after] for each axis, and cut off no more than there is',
    );
  }
  const strides = stridesOf(x.shape);
  const walk = shape.map((count, i) => {
    const [before, after] = widths[i] as [number, number];
    const stride = strides[i] as number;
    return before === 0 && after === 0
      ? { count, stride }
      : { count, stride, start: -before, size: x.shape[i] as number };
  });
  const checked = checkedScalar('pad', 'the value', value, x.dtype);
  const bits = typeof checked === 'number' ? bitsOf(x.dtype, checked) : () => bitsOf(x.dtype, checked());
  const y = moved(x, walk, bits);
  const cut = widths.map(([before, after]) => [-before, -after] as const);
  differentiable('pad', [x], y, (dy) => [pad(dy, cut)]);
  return y;
}

/** Return the matrices of x with 0 outside of a band of diagonals. */
function band(name: string, x: Tensor, limits: { readonly first?: number; readonly last?: number }): Tensor {
  expectOperands(name, { x: [x, WORDS] });
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  if (x.shape.length < 2 || !Object.values(limits).every(Number.isInteger)) {
    throw new ShapeError(
      name,
      `x ${showShape(x.shape)}, diagonal ${Object.values(limits)}`,
      'x must be (…,rows,columns) and the diagonal an integer',
    );
  }
  const y = Tensor.empty(x.device, x.shape, x.dtype);
  const matrices = sizeOf(x.shape.slice(0, -2));
  triangle(x.device, x.view, y.view, { matrices, rows, columns, ...limits });
  differentiable(name, [x], y, (dy) => [band(name, dy, limits)]);
  return y;
}

/** Return the lower triangle of matrices (…,rows,columns): 0 above diagonal number `diagonal`; the main one is 0. */
export const tril = (x: Tensor, diagonal = 0): Tensor => band('tril', x, { last: diagonal });

/** Return the upper triangle of matrices (…,rows,columns): 0 below diagonal number `diagonal`; the main one is 0. */
export const triu = (x: Tensor, diagonal = 0): Tensor => band('triu', x, { first: diagonal });
