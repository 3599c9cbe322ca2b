/**
 * Reading and adding up values at positions given by an index tensor. An index is compared as u32, so a negative i32 is
 * outside like one that is too large: `gather` puts `missing` there, `scatterAdd` leaves it out, neither touches memory.
 *
 * `scatterAdd` needs no atomics: the index is sorted (see sort.ts), each result finds by binary search where its
 * position begins and adds up what stands there, in the order of the source. That costs the sort, O(log) steps for each
 * result, and one step for each value added; a position that all values go to is added up by one thread.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS } from '../gpu/kernel.ts';
import { sortPairs } from './sort.ts';

export interface IndexSize {
  readonly outer: number;
  /** Places along the axis that the index points into. */
  readonly size: number;
  readonly inner: number;
  /** Positions along the axis of the index. */
  readonly count: number;
  /** The index is (count) for all rows, not (outer, count, inner). */
  readonly shared?: boolean;
}

const gatherKernel = defineKernel({
  name: 'gather',
  params: { total: 'u32', size: 'u32', inner: 'u32', count: 'u32', sharedIndex: 'u32', missing: 'u32' },
  reads: { x: 'array<u32>', index: 'array<u32>' },
  writes: { y: 'array<u32>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.total) { return; }
  let inner = id % params.inner;
  let k = id / params.inner % params.count;
  let outer = id / params.inner / params.count;
  let position = index[select(id, k, params.sharedIndex == 1)];
  if (position < params.size) { y[id] = x[(outer * params.size + position) * params.inner + inner]; }
  else { y[id] = params.missing; }
}`,
});

/** y[o, k, i] = x[o, index[o, k, i], i], words of any kind; `missing` are the bits of what stands outside. */
export function gather(
  device: Device,
  views: { readonly x: BufferView; readonly index: BufferView; readonly y: BufferView },
  { outer, size, inner, count, shared }: IndexSize,
  missing: number,
): void {
  const total = outer * count * inner;
  const params = { total, size, inner, count, sharedIndex: Number(shared ?? false), missing };
  device.launch(gatherKernel, views, params, linearGrid(Math.ceil(total / 64)));
}

const scatterAddKernel = memoize((type: 'f32' | 'u32') =>
  defineKernel({
    name: `scatter add ${type}`,
    params: { total: 'u32', size: 'u32', inner: 'u32', count: 'u32', sharedIndex: 'u32', onto: 'u32' },
    reads: { x: `array<${type}>`, pairs: 'array<vec2u>', source: `array<${type}>` },
    writes: { y: `array<${type}>` },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.total) { return; }
  let inner = id % params.inner;
  let position = id / params.inner % params.size;
  let outer = id / params.inner / params.size;
  let row = select(outer * params.inner + inner, 0, params.sharedIndex == 1) * params.count;
  var low = 0u;
  var high = params.count;
  while (low < high) {
    let between = (low + high) / 2;
    if (pairs[row + between].x < position) { low = between + 1; } else { high = between; }
  }
  var sum = ${type}();
  if (params.onto == 1) { sum = x[id]; }
  for (; low < params.count; low++) {
    let pair = pairs[row + low];
    if (pair.x != position) { break; }
    sum += source[(outer * params.count + pair.y) * params.inner + inner];
  }
  y[id] = sum;
}`,
  }),
);

/**
 * y (outer, size, inner) = x (or 0 without it) + Σ_k source[o, k, i] where index[o, k, i] is the position. u32 and i32
 * wrap around alike.
 */
export function scatterAdd(
  device: Device,
  views: {
    readonly x?: BufferView;
    readonly index: BufferView;
    readonly source: BufferView;
    readonly y: BufferView;
  },
  { outer, size, inner, count, shared = false }: IndexSize,
  type: 'f32' | 'u32' = 'f32',
): void {
  const { x, index, source, y } = views;
  const rows = shared ? { outer: 1, size: count, inner: 1 } : { outer, size: count, inner };
  const pairs = sortPairs(device, index, rows, { order: 'u32' });
  const total = outer * size * inner;
  const params = { total, size, inner, count, sharedIndex: Number(shared), onto: Number(x !== undefined) };
  const grid = linearGrid(Math.ceil(total / 64));
  device.launch(scatterAddKernel(type), { x: x ?? source, pairs, source, y }, params, grid);
  device.release(pairs);
}

const oneHotKernel = defineKernel({
  name: 'one-hot',
  params: { total: 'u32', classes: 'u32', one: 'u32' },
  reads: { index: 'array<u32>' },
  writes: { y: 'array<u32>' },
  code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id >= params.total) { return; }
  y[id] = select(0u, params.one, index[id / params.classes] == id % params.classes);
}`,
});

/** y (count, classes) with the bits `one` where the class is the index, 0 elsewhere. */
export function oneHot(
  device: Device,
  index: BufferView,
  y: BufferView,
  size: { readonly count: number; readonly classes: number; readonly one: number },
): void {
  const { count, classes, one } = size;
  const total = count * classes;
  device.launch(oneHotKernel, { index, y }, { total, classes, one }, linearGrid(Math.ceil(total / 64)));
}
