/** Sums and means over axes, and the reduction that undoes broadcasting. */
import { ShapeError } from '../../errors.ts';
import { elementwise } from '../../kernels/elementwise.ts';
import { sumAxes } from '../../kernels/reduce.ts';
import { differentiable } from '../autograd.ts';
import { type Shape, showShape, sizeOf, Tensor } from '../tensor.ts';

export interface ReduceOptions {
  /** Axes to reduce, negative ones counted from the end; all by default. */
  readonly axes?: readonly number[];
  /** Keep the reduced axes with size 1. */
  readonly keepDims?: boolean;
}

function normaliseAxes(name: string, shape: Shape, axes: readonly number[] | undefined): number[] {
  if (axes === undefined) return shape.map((_, i) => i);
  const seen = new Set<number>();
  return axes.map((axis) => {
    const normal = axis < 0 ? axis + shape.length : axis;
    if (!Number.isInteger(normal) || normal < 0 || normal >= shape.length) {
      throw new ShapeError(
        name,
        `axis ${axis} does not exist in shape ${showShape(shape)}`,
        'name an existing axis',
      );
    }
    if (seen.has(normal)) throw new ShapeError(name, `axis ${axis} is named twice`, 'name each axis once');
    seen.add(normal);
    return normal;
  });
}

function reduce(name: string, x: Tensor, options: ReduceOptions, scaleBy: (count: number) => number): Tensor {
  const axes = normaliseAxes(name, x.shape, options.axes);
  const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const shape = options.keepDims ? kept : x.shape.filter((_, i) => !axes.includes(i));
  const scale = scaleBy(axes.reduce((product, i) => product * (x.shape[i] as number), 1));
  const y = Tensor.empty(x.device, shape);
  sumAxes(x.device, x.view, y.view, x.shape, axes, scale);
  differentiable(name, [x], [y], ([dy]) => {
    if (!dy) return [];
    const dx = Tensor.empty(x.device, x.shape);
    elementwise(x.device, 'a * params.s', [{ view: dy.view, shape: kept }], dx.view, x.shape, { s: scale });
    return [dx];
  });
  return y;
}

/** Σ x over `axes`; 0 for an empty sum. */
export const sum = (x: Tensor, options: ReduceOptions = {}): Tensor => reduce('sum', x, options, () => 1);

/** The mean over `axes`; NaN for an empty one, as in PyTorch. */
export const mean = (x: Tensor, options: ReduceOptions = {}): Tensor =>
  reduce('mean', x, options, (n) => 1 / n);

/** Sums `x` over the axes along which `shape` was broadcast to become `x.shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const offset = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, i) => i)
    .filter((i) => i < offset || (shape[i - offset] === 1 && x.shape[i] !== 1));
  if (axes.length === 0 && offset === 0) return x;
  if (sizeOf(x.shape) === sizeOf(shape)) return new Tensor(x.device, x.view, shape);
  const y = Tensor.empty(x.device, shape);
  sumAxes(x.device, x.view, y.view, x.shape, axes);
  return y;
}
