/**
 * Reading and writing values at positions given by an index tensor. An index is compared as u32, so a negative i32 is
 * outside like one that is too large: `gather` puts `missing` there, `scatter` leaves it out, neither touches memory.
 *
 * `scatter` needs no atomics: the index is sorted (see sort.ts), each result finds by binary search where its position
 * begins and ends, and takes in what stands there, in the order of the source (see cascade.ts). That costs the sort,
 * O(log) steps for each result, and one step for each value; a position that all values go to is worked on by one thread.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type ScalarType } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { cascade } from './cascade.ts';
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
  ...perElement('total')`let inner = id % params.inner;
  let k = id / params.inner % params.count;
  let outer = id / params.inner / params.count;
  let position = index[select(id, k, params.sharedIndex == 1)];
  if (position < params.size) { y[id] = x[(outer * params.size + position) * params.inner + inner]; }
  else { y[id] = params.missing; }`,
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
  device.launch(gatherKernel, views, params);
}

/** Of output `id`: where its sources stand, `low` to `end` (excluded), among the sorted pairs of its `row`. */
const FIND_SOURCES_WGSL = `let inner = id % params.inner;
  let position = id / params.inner % params.size;
  let outer = id / params.inner / params.size;
  let row = select(outer * params.inner + inner, 0, params.sharedIndex == 1) * params.count;
  let low = firstFrom(row, 0, position);
  let end = firstFrom(row, low, position + 1);`;

const FIRST_FROM_WGSL = `
// The first pair, of number start or later, whose position is not below this one.
fn firstFrom(row: u32, start: u32, position: u32) -> u32 {
  var low = start;
  var high = params.count;
  while (low < high) {
    let between = (low + high) / 2;
    if (pairs[row + between].x < position) { low = between + 1; } else { high = between; }
  }
  return low;
}`;

const SIZES = { total: 'u32', size: 'u32', inner: 'u32', count: 'u32', sharedIndex: 'u32' } as const;

/** Reductions of the values for one position. The total starts from `initial`; `first` is the first of the values. */
const SCATTERS = {
  add: { initial: 'T()', combine: 'total + v' },
  multiply: { initial: 'T(1)', combine: 'total * v' },
  max: { initial: 'first', combine: 'max(total, v)' },
  min: { initial: 'first', combine: 'min(total, v)' },
} as const;

/** The name of a reduction of the values for one position. */
export type Scatter = keyof typeof SCATTERS;

/** NaN wins over all extremes; it is told by its bits, as WGSL promises nothing about comparing it. */
const combinedWgsl = (name: Scatter, type: ScalarType): string => `
fn combined(total: T, v: T) -> T {
  ${
    type === 'f32' && (name === 'max' || name === 'min')
      ? `if ((bitcast<u32>(total) & 0x7fffffffu) > 0x7f800000u) { return total; }
  if ((bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u) { return v; }`
      : ''
  }
  return ${SCATTERS[name].combine};
}`;

const scatterKernel = memoize(({ name, type }: { readonly name: Scatter; readonly type: ScalarType }) =>
  defineKernel({
    name: `scatter ${name} ${type}`,
    params: { ...SIZES, onto: 'u32' },
    reads: { x: `array<${type}>`, pairs: 'array<vec2u>', source: `array<${type}>` },
    writes: { y: `array<${type}>` },
    functions: `alias T = ${type};
${FIRST_FROM_WGSL}
fn valueAt(k: u32, row: u32, outer: u32, inner: u32) -> T {
  return source[(outer * params.count + pairs[row + k].y) * params.inner + inner];
}
${combinedWgsl(name, type)}`,
    ...perElement('total')`${FIND_SOURCES_WGSL}
  if (low == end) {
    if (params.onto == 1) { y[id] = x[id]; } else { y[id] = T(); }
    return;
  }
  ${SCATTERS[name].initial === 'first' ? 'let first = valueAt(low, row, outer, inner);' : ''}
  ${cascade({
    totals: { total: SCATTERS[name].initial },
    value: (_, k) => `valueAt(${k}, row, outer, inner)`,
    from: 'low',
    to: 'end',
    levels: 5,
    combine: (a, b) => `combined(${a}, ${b})`,
  })}
  if (params.onto == 1) { y[id] = combined(x[id], total); } else { y[id] = total; }`,
  }),
);

/** Call `launch` with the index sorted along the axis and the sizes as parameters. */
function withPairs(
  device: Device,
  index: BufferView,
  { outer, size, inner, count, shared = false }: IndexSize,
  launch: (pairs: BufferView, sizes: Readonly<Record<keyof typeof SIZES, number>>) => void,
): void {
  const rows = shared ? { outer: 1, size: count, inner: 1 } : { outer, size: count, inner };
  const pairs = sortPairs(device, index, rows, { order: 'u32' });
  const total = outer * size * inner;
  const sizes = { total, size, inner, count, sharedIndex: Number(shared) };
  launch(pairs, sizes);
  device.release(pairs);
}

/**
 * y (outer, size, inner) = what `name` makes of x (if given) and of every source[o, k, i] whose index[o, k, i] is the
 * position, in the order of k; x (or 0) where there is none. Integers wrap around.
 */
export function scatter(
  device: Device,
  name: Scatter,
  views: {
    readonly x?: BufferView;
    readonly index: BufferView;
    readonly source: BufferView;
    readonly y: BufferView;
  },
  size: IndexSize,
  type: ScalarType = 'f32',
): void {
  const { x, index, source, y } = views;
  withPairs(device, index, size, (pairs, sizes) => {
    const params = { ...sizes, onto: Number(x !== undefined) };
    device.launch(scatterKernel({ name, type }), { x: x ?? source, pairs, source, y }, params);
  });
}

/** No source has the position. */
export const NO_SOURCE = 0xffff_ffff;

const lastSourceKernel = defineKernel({
  name: 'last source',
  params: SIZES,
  reads: { pairs: 'array<vec2u>' },
  writes: { y: 'array<u32>' },
  functions: FIRST_FROM_WGSL,
  ...perElement('total')`${FIND_SOURCES_WGSL}
  if (low == end) { y[id] = ${NO_SOURCE}u; } else { y[id] = pairs[row + end - 1].y; }`,
});

/** y (outer, size, inner), u32: the last k whose index[o, k, i] is the position, or `NO_SOURCE`. */
export function lastSource(device: Device, index: BufferView, y: BufferView, size: IndexSize): void {
  withPairs(device, index, size, (pairs, sizes) => {
    device.launch(lastSourceKernel, { pairs, y }, sizes);
  });
}

const oneHotKernel = defineKernel({
  name: 'one-hot',
  params: { total: 'u32', classes: 'u32', one: 'u32' },
  reads: { index: 'array<u32>' },
  writes: { y: 'array<u32>' },
  ...perElement('total')`y[id] = select(0u, params.one, index[id / params.classes] == id % params.classes);`,
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
  device.launch(oneHotKernel, { index, y }, { total, classes, one });
}
