/**
 * Ops that give the same values, in the same order, another shape. They do not copy: the result shares the memory of its
 * input, so an in-place change of one changes both.
 */
import { expectShape } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { differentiable } from '../autograd.ts';
import { EVERY_DTYPE, expectOperands } from '../operands.ts';
import { type Shape, showShape, sizeOf, Tensor } from '../tensor.ts';
import { normaliseAxis, wrapAxis } from './axes.ts';

/** Return x with another shape of the same size. Shares memory. */
function sameMemory(name: string, x: Tensor, shape: Shape): Tensor {
  const y = new Tensor(x.device, x.view, shape, x.dtype);
  differentiable(name, [x], y, (dy) => [sameMemory(name, dy, x.shape)]);
  return y;
}

/** Return x with another shape, in row-major order. One size may be −1: it is inferred. Shares memory. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  expectOperands('reshape', { x: [x, EVERY_DTYPE] });
  expectShape('reshape', shape, 'left');
  const known = sizeOf(shape.filter((n) => n !== -1));
  const resolved = shape.map((n) => (n === -1 ? x.size / known : n));
  const valid = resolved.every((n) => Number.isInteger(n) && n >= 0);
  if (!valid || shape.filter((n) => n === -1).length > 1 || sizeOf(resolved) !== x.size) {
    throw new ShapeError(
      'reshape',
      `${showShape(x.shape)} cannot become ${showShape(shape)}`,
      `name sizes whose product is ${x.size}; one of them may be -1`,
    );
  }
  return sameMemory('reshape', x, resolved);
}

/** Merge axes `startAxis` to `endAxis`, both included, to one. A scalar becomes (1). Shares memory. */
export function flatten(x: Tensor, startAxis = 0, endAxis = -1): Tensor {
  expectOperands('flatten', { x: [x, EVERY_DTYPE] });
  if (x.shape.length === 0) return sameMemory('flatten', x, [1]);
  const [start, end] = [startAxis, endAxis].map((axis) => normaliseAxis('flatten', axis, x.shape)) as [
    number,
    number,
  ];
  if (start > end) {
    throw new ShapeError(
      'flatten',
      `axis ${startAxis} comes after axis ${endAxis} in ${showShape(x.shape)}`,
      'name the first axis first',
    );
  }
  const { shape } = x;
  const middle = sizeOf(shape.slice(start, end + 1));
  return sameMemory('flatten', x, [...shape.slice(0, start), middle, ...shape.slice(end + 1)]);
}

/** Drop `axis` if its size is 1; without `axis`, drop every axis of size 1. Shares memory. */
export function squeeze(x: Tensor, axis?: number): Tensor {
  expectOperands('squeeze', { x: [x, EVERY_DTYPE] });
  const only = axis === undefined ? undefined : wrapAxis('squeeze', axis, x.shape);
  const kept = x.shape.filter((n, i) => n !== 1 || (only !== undefined && i !== only));
  return sameMemory('squeeze', x, kept);
}

/** Insert an axis of size 1 before `axis`; −1 appends it. Shares memory. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  expectOperands('unsqueeze', { x: [x, EVERY_DTYPE] });
  const rank = x.shape.length + 1;
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(at) || at < 0 || at >= rank) {
    throw new ShapeError(
      'unsqueeze',
      `axis ${axis} cannot be added to shape ${showShape(x.shape)}`,
      `name an axis from ${-rank} to ${rank - 1}`,
    );
  }
  return sameMemory('unsqueeze', x, x.shape.toSpliced(at, 0, 1));
}
