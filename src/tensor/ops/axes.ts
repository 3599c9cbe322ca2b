/** Arithmetic on axes and shapes for ops that move values. */
import { ArgumentError, shownValue } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { type Shape, showShape, sizeOf } from '../tensor.ts';

/** Return the stride of each axis of a contiguous tensor, in elements. */
export const stridesOf = (shape: Shape): number[] => shape.map((_, i) => sizeOf(shape.slice(i + 1)));

/** Return the axis counted from the front. A scalar counts as one row of one value: 0 and −1 are its axis 0, as in PyTorch. */
export function wrapAxis(name: string, axis: number, shape: Shape): number {
  return shape.length === 0 ? normaliseAxis(name, axis, [1]) : normaliseAxis(name, axis, shape);
}

/** Return the axis counted from the front. @throws ShapeError if it does not exist. */
export function normaliseAxis(name: string, axis: number, shape: Shape): number {
  if (typeof axis !== 'number')
    throw new ArgumentError(name, `the axis is ${shownValue(axis)}`, 'give an integer');
  const normal = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(normal) && normal >= 0 && normal < shape.length) return normal;
  throw new ShapeError(
    name,
    `axis ${axis} does not exist in shape ${showShape(shape)}`,
    'name an existing axis',
  );
}

/** A shape seen from one axis: (outer, size, inner). */
export interface AxisView {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

export function viewAxis(shape: Shape, axis: number): AxisView {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    size: shape[axis] ?? 1,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}

/** Return `shape` with another size at `axis`. */
export const withSize = (shape: Shape, axis: number, size: number): number[] =>
  shape.map((n, i) => (i === axis ? size : n));
