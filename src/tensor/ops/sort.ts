/**
 * Sorting along an axis, for f32, i32, u32 and bool. Equal values keep their order in both directions. NaN counts as the
 * largest value, as in PyTorch. Gradients go to the original positions.
 */
import { boolean, expectOptions, type OptionKinds, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { scatter } from '../../kernels/indexing.ts';
import { sortPairs, takeSorted } from '../../kernels/sort.ts';
import { differentiableByKernel } from '../autograd.ts';
import { makeWithin } from '../indices.ts';
import { expectOperands, WORDS } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';
import { viewAxis, withSize, wrapAxis } from './axes.ts';

/** Options of `sort` and `argsort`. */
export interface SortOptions {
  /** Default: the last. */
  readonly axis?: number;
  readonly descending?: boolean;
}

const SORT_OPTIONS: OptionKinds<SortOptions> = { axis: real(), descending: boolean };

/** Sorted values, and their original positions. */
export interface Sorted {
  readonly values: Tensor;
  /** u32: the original position of each value along the axis. */
  readonly indices: Tensor;
}

/** Return the first `count` values in order along an axis. */
function sorted(name: string, x: Tensor, axis: number, descending: boolean, count: number): Sorted {
  const { device, dtype } = x;
  const shape = withSize(x.shape, axis, count);
  const size = { ...viewAxis(x.shape, axis), count };
  const values = Tensor.empty(device, shape, dtype);
  const indices = Tensor.empty(device, shape, 'u32');
  const order = dtype === 'f32' || dtype === 'i32' ? dtype : 'u32';
  const pairs = sortPairs(device, x.view, size, { order, descending, limit: count });
  takeSorted(device, { x: x.view, pairs, values: values.view, indices: indices.view }, size);
  makeWithin(indices, 0, size.size - 1);
  device.release(pairs);
  differentiableByKernel(name, x, values, (dy, dx) =>
    scatter(device, 'add', { index: indices.view, source: dy.view, y: dx.view }, size),
  );
  return { values, indices };
}

/** Sort x along an axis. Return the values and their original positions, both of the shape of x. */
export function sort(x: Tensor, options: SortOptions = {}): Sorted {
  expectOptions('sort', options, SORT_OPTIONS);
  expectOperands('sort', { x: [x, WORDS] });
  const { axis = -1, descending = false } = options;
  const along = wrapAxis('sort', axis, x.shape);
  return sorted('sort', x, along, descending, viewAxis(x.shape, along).size);
}

/** Return the u32 indices that sort x along an axis. */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  expectOptions('argsort', options, SORT_OPTIONS);
  expectOperands('argsort', { x: [x, WORDS] });
  return sort(x.detach(), options).indices;
}

/** Options of `topk`. */
export interface TopkOptions {
  /** Default: the last. */
  readonly axis?: number;
  /** False for the smallest values. Default: true. */
  readonly largest?: boolean;
}

const TOPK_OPTIONS: OptionKinds<TopkOptions> = { axis: real(), largest: boolean };

/**
 * Return the k largest values along an axis, in order, and their positions; both have size k there. Of equal values, the first
 * are taken.
 */
export function topk(x: Tensor, k: number, options: TopkOptions = {}): Sorted {
  expectOptions('topk', options, TOPK_OPTIONS);
  expectOperands('topk', { x: [x, WORDS] });
  const { axis = -1, largest = true } = options;
  const along = wrapAxis('topk', axis, x.shape);
  const { size } = viewAxis(x.shape, along);
  if (!Number.isInteger(k) || k < 0 || k > size) {
    throw new ShapeError(
      'topk',
      `${k} values along axis ${axis} of ${showShape(x.shape)}`,
      `ask for at most ${size}`,
    );
  }
  return sorted('topk', x, along, largest, k);
}
