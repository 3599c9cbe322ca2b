/**
 * Ops whose result size depends on values. They read the count from the GPU, so they are asynchronous and cannot be
 * captured.
 */
import { compact } from '../../kernels/compact.ts';
import { CONDITIONS, EVERY_DTYPE, expectOperands, WORDS } from '../operands.ts';
import { Tensor } from '../tensor.ts';
import { stridesOf } from './axes.ts';
import { cast } from './cast.ts';
import { div, remainder } from './elementwise.ts';
import { broadcastShapes } from './expression.ts';
import { indexSelect } from './indexing.ts';
import { stack } from './join.ts';
import { expand, narrow } from './movement.ts';
import { flatten } from './reshape.ts';
import { cumsum } from './scan.ts';

/** Return u32 (count): the row-major positions of the true values in a bool tensor. */
async function placesOf(mask: Tensor): Promise<Tensor> {
  const { device, size } = mask;
  if (size === 0) return Tensor.empty(device, [0], 'u32');
  const flags = cast(flatten(mask), 'u32');
  const counts = cumsum(flags);
  const count = await narrow(counts, 0, size - 1, 1).item();
  const places = Tensor.empty(device, [count], 'u32');
  compact(device, { flags: flags.view, counts: counts.view, places: places.view }, size);
  return places;
}

/**
 * Return the values of x where the bool mask is true, in row-major order as one axis. x and mask broadcast. The gradient goes
 * to the selected values.
 */
export function maskedSelect(x: Tensor, mask: Tensor): Promise<Tensor> {
  expectOperands('maskedSelect', { x: [x, WORDS], mask: [mask, CONDITIONS] });
  return selected(x, mask);
}

async function selected(x: Tensor, mask: Tensor): Promise<Tensor> {
  const shape = broadcastShapes('maskedSelect', x.shape, mask.shape);
  const places = await placesOf(expand(mask, shape));
  return indexSelect(flatten(expand(x, shape)), 0, places);
}

/** Return u32 (count, rank): the coordinates of every value of x other than 0, in row-major order. NaN is not 0. */
export function nonzero(x: Tensor): Promise<Tensor> {
  expectOperands('nonzero', { x: [x, EVERY_DTYPE] });
  return coordinatesOf(x);
}

async function coordinatesOf(x: Tensor): Promise<Tensor> {
  const places = await placesOf(cast(x, 'bool'));
  const rank = x.shape.length;
  if (rank === 0) return Tensor.empty(x.device, [places.size, 0], 'u32');
  const strides = stridesOf(x.shape);
  const coordinates = x.shape.map((size, axis) =>
    // With an axis of size 0 there is no position.
    size === 0
      ? places
      : remainder(div(places, Math.max(1, strides[axis] as number), { roundingMode: 'floor' }), size),
  );
  return stack(coordinates, 1);
}
