/**
 * Stable sorting of many rows at once, of any length, without workgroup memory: a merge sort in which every thread
 * finds the place of one element. First each run of `BLOCK` elements is put in order by counting how many of its
 * elements come before each; then runs are merged pairwise, each element finding its place among those of the other
 * run by binary search. That is O(BLOCK + log²(n)) steps per element in 1 + log₂(n / BLOCK) dispatches. Places are unique, so
 * the result is the same every time. If only the first few are needed, runs are cut to that length, and most elements drop
 * out after the first dispatch.
 *
 * The elements are pairs (key, position). Keys are u32 in the desired order; positions do not affect the order.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';

/** Of 16 to 128 the best or near it on lavapipe, where 100,000 elements take 50 to 100 ms; 57 need one dispatch. */
const BLOCK = 64;

/** Orders of words. In f32, −0 equals 0, and NaN of either sign comes last. */
const ORDERS = { f32: 0, i32: 1, u32: 2 } as const;
type Order = keyof typeof ORDERS;

const sortBlocksKernel = defineKernel({
  name: 'sort blocks',
  params: { total: 'u32', size: 'u32', inner: 'u32', order: 'u32', descending: 'u32' },
  reads: { x: 'array<u32>' },
  writes: { pairs: 'array<vec2u>' },
  functions: `
fn keyOf(bits: u32) -> u32 {
  var key = bits;
  if (params.order == ${ORDERS.f32}) {
    let magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) { key = 0xffffffffu; }
    else if (magnitude == bits || magnitude == 0) { key = magnitude | 0x80000000u; }
    else { key = ~bits; }
  } else if (params.order == ${ORDERS.i32}) { key = bits ^ 0x80000000u; }
  return select(key, ~key, params.descending == 1);
}`,
  ...perElement('total')`let row = id / params.size;
  let position = id % params.size;
  let base = row / params.inner * params.size * params.inner + row % params.inner;
  let start = position / ${BLOCK} * ${BLOCK};
  let mine = keyOf(x[base + position * params.inner]);
  var place = start;
  for (var i = start; i < min(start + ${BLOCK}, params.size); i++) {
    let other = keyOf(x[base + i * params.inner]);
    if (other < mine || (other == mine && i < position)) { place++; }
  }
  pairs[row * params.size + place] = vec2u(mine, position);`,
});

const mergeRunsKernel = defineKernel({
  name: 'merge runs',
  params: { total: 'u32', size: 'u32', run: 'u32', limit: 'u32' },
  reads: { x: 'array<vec2u>' },
  writes: { y: 'array<vec2u>' },
  ...perElement('total')`let place = id % params.size;
  let row = id - place;
  let start = place / (2 * params.run) * 2 * params.run;
  let middle = min(start + params.run, params.size);
  let end = min(middle + params.run, params.size);
  let first = place < middle;
  let before = place - select(middle, start, first);
  if (before >= params.limit) { return; }
  let pair = x[id];
  // Among equals the first run goes first.
  let other = select(start, middle, first);
  var low = other;
  var high = min(select(middle, end, first), other + params.limit);
  while (low < high) {
    let between = (low + high) / 2;
    let key = x[row + between].x;
    if (key < pair.x || (key == pair.x && !first)) { low = between + 1; } else { high = between; }
  }
  let after = before + low - other;
  if (after < params.limit) { y[row + start + after] = pair; }`,
});

/** Rows along the middle axis of (outer, size, inner); row o·inner + i holds x[o, :, i]. */
export interface SortSize {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

export interface SortOptions {
  readonly order: Order;
  readonly descending?: boolean;
  /** Number of pairs of each row to sort, from the first on; the rest is undefined. Default: all. */
  readonly limit?: number;
}

/** Pairs (key, position) of every row in order: u32 (outer·inner, size, 2). */
export function sortPairs(
  device: Device,
  x: BufferView,
  { outer, size, inner }: SortSize,
  { order, descending = false, limit = size }: SortOptions,
): BufferView {
  const total = outer * size * inner;
  let pairs = device.allocate(total * 8);
  const params = { total, size, inner, order: ORDERS[order], descending: Number(descending) };
  device.launch(sortBlocksKernel, { x, pairs }, params);
  if (size <= BLOCK) return pairs;
  let other = device.allocate(total * 8);
  for (let run = BLOCK; run < size; run *= 2) {
    device.launch(mergeRunsKernel, { x: pairs, y: other }, { total, size, run, limit });
    [pairs, other] = [other, pairs];
  }
  device.release(other);
  return pairs;
}

const takeSortedKernel = defineKernel({
  name: 'take sorted',
  params: { total: 'u32', size: 'u32', inner: 'u32', count: 'u32' },
  reads: { x: 'array<u32>', pairs: 'array<vec2u>' },
  writes: { values: 'array<u32>', indices: 'array<u32>' },
  ...perElement('total')`let inner = id % params.inner;
  let place = id / params.inner % params.count;
  let outer = id / params.inner / params.count;
  let position = pairs[(outer * params.inner + inner) * params.size + place].y;
  values[id] = x[(outer * params.size + position) * params.inner + inner];
  indices[id] = position;`,
});

/** The first `count` values of every row in the order of `pairs` and their positions: both (outer, count, inner). */
export function takeSorted(
  device: Device,
  views: {
    readonly x: BufferView;
    readonly pairs: BufferView;
    readonly values: BufferView;
    readonly indices: BufferView;
  },
  { outer, size, inner, count }: SortSize & { readonly count: number },
): void {
  const total = outer * count * inner;
  device.launch(takeSortedKernel, views, { total, size, inner, count });
}
