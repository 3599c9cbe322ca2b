/** Ops that move values without computing: data stays contiguous, so all but reshapes copy. */
import { ShapeError } from '../../errors.ts';
import { move } from '../../kernels/movement.ts';
import { differentiable } from '../autograd.ts';
import { type Shape, showShape, Tensor } from '../tensor.ts';

/** Words between neighbours along each axis of a contiguous tensor. */
export const stridesOf = (shape: Shape): number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));

/** The axis counted from the front. */
export function normaliseAxis(name: string, axis: number, shape: Shape): number {
  const normal = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(normal) && normal >= 0 && normal < shape.length) return normal;
  throw new ShapeError(
    name,
    `axis ${axis} does not exist in shape ${showShape(shape)}`,
    'name an existing axis',
  );
}

/** Axis i of the result is axis order[i] of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const axes = order.map((axis) => normaliseAxis('permute', axis, x.shape));
  if (axes.length !== x.shape.length || new Set(axes).size !== axes.length) {
    throw new ShapeError(
      'permute',
      `(${order.join(',')}) is not an order of the axes of ${showShape(x.shape)}`,
      'name every axis once',
    );
  }
  const strides = stridesOf(x.shape);
  const shape = axes.map((axis) => x.shape[axis] as number);
  const y = Tensor.empty(x.device, shape, x.dtype);
  const walk = axes.map((axis, i) => ({ count: shape[i] as number, stride: strides[axis] as number }));
  move(x.device, x.view, y.view, walk);
  const inverse = axes.map((_, i) => axes.indexOf(i));
  differentiable('permute', [x], [y], ([dy]) => [dy && permute(dy, inverse)]);
  return y;
}

/** Swaps two axes, the last two unless told. */
export function transpose(x: Tensor, axis0 = -2, axis1 = -1): Tensor {
  const [a, b] = [axis0, axis1].map((axis) => normaliseAxis('transpose', axis, x.shape)) as [number, number];
  const order = x.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return permute(x, order);
}
