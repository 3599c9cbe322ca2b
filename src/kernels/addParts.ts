/**
 * The second half of every split sum: first[i] += Σ_part parts[part, i], in a fixed order.
 *
 * Inside `postponeSums`, the parts of many sums lie in one buffer. They are added in one dispatch for each buffer that they are
 * added to: at the end, when the parts fill the buffer, or when a command uses a value that is still to be added to.
 */
import type { BufferView, PooledBuffer, Postponed } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { cascade } from './cascade.ts';

/** Threads of a workgroup, and levels of the sum over parts. */
const THREADS = 64;
const LEVELS = 4;
/** Maximum size of the buffer of parts, in bytes, and its share of the memory that is available. */
const MOST_BYTES = 64 * 2 ** 20;
const MEMORY_SHARE = 1 / 8;
/** Bindings start at multiples of this number of bytes. */
const ALIGNMENT = 256;
/** Bytes of a vec4f. */
const VECTOR = 16;

const addPartsKernel = memoize((two: boolean) =>
  defineKernel({
    name: 'add parts',
    // In vec4s, but for the size of the second.
    params: { vectors: 'u32', secondSize: 'u32', stride: 'u32', parts: 'u32', groups: 'u32' },
    reads: { parts: 'array<vec4f>' },
    writes: { first: 'array<vec4f>', second: two ? 'array<f32>' : undefined },
    code: `
@compute @workgroup_size(${THREADS})
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * ${THREADS} + thread;
  let total = params.vectors + (params.secondSize + 3) / 4;
  let member = id / total;
  let i = id % total;
  if (member >= params.groups) { return; }
  ${cascade({
    totals: { sum: 'vec4f()' },
    value: (_, part) => `parts[(member * params.parts + ${part}) * params.stride + i]`,
    from: '0u',
    to: 'params.parts',
    levels: LEVELS,
  })}
  if (i < params.vectors) { first[member * params.vectors + i] += sum; }
  ${
    two
      ? `else {
    let at = (i - params.vectors) * 4;
    for (var c = 0u; c < min(4, params.secondSize - at); c++) { second[member * params.secondSize + at + c] += sum[c]; }
  }`
      : ''
  }
}`,
  }),
);

/** A row of `segments`: first vec4 of the parts, their stride, their number, first vec4 of the sums; number of values, padding. */
const addSegmentsKernel = defineKernel({
  name: 'add parts of all',
  params: { tiles: 'u32' },
  reads: { parts: 'array<vec4f>', segments: 'array<vec4u>', tiles: 'array<vec2u>' },
  writes: { sums: 'array<vec4f>' },
  code: `
@compute @workgroup_size(${THREADS})
fn main(${THREAD_ARGS}) {
  if (${GROUP_INDEX} >= params.tiles) { return; }
  let tile = tiles[${GROUP_INDEX}];
  let segment = segments[tile.x * 2];
  let size = segments[tile.x * 2 + 1].x;
  let i = tile.y + thread;
  if (i * 4 >= size) { return; }
  ${cascade({
    totals: { sum: 'vec4f()' },
    value: (_, part) => `parts[segment.x + ${part} * segment.y + i]`,
    from: '0u',
    to: 'segment.z',
    levels: LEVELS,
  })}
  let before = sums[segment.w + i];
  sums[segment.w + i] = select(before, before + sum, i * 4 + vec4u(0, 1, 2, 3) < vec4u(size));
}`,
});

export interface AddPartsOptions {
  /** (groups, count, stride); a part holds `size` and then `secondSize` values. */
  readonly parts: BufferView;
  readonly count: number;
  /** A multiple of 4, with room for as many values of the second. */
  readonly stride: number;
  /** (groups, size), added to; the size is a multiple of 4. */
  readonly first: BufferView;
  readonly size: number;
  /** (groups, secondSize), added to. */
  readonly second?: BufferView | undefined;
  readonly secondSize?: number;
  readonly groups?: number;
}

/** Parts whose sums are added to consecutive values of a buffer. */
interface Segment {
  /** Offset of the first part, and the distance from one to the next, in bytes. */
  readonly from: number;
  readonly stride: number;
  readonly count: number;
  readonly target: BufferView;
  /** Number of values of a part. */
  readonly size: number;
}

/** Return the segments of sums; undefined if one does not begin at a whole vec4. */
function segmentsOf(options: AddPartsOptions): Segment[] | undefined {
  const { parts, count, first, size, second, secondSize = 0, groups = 1 } = options;
  const stride = options.stride * 4;
  const members = Array.from({ length: groups }, (_, member) => member);
  const of = (view: BufferView, values: number, start: number): Segment[] =>
    members.map((member) => {
      const range = { offset: view.offset + member * values * 4, bytes: values * 4 };
      const from = parts.offset + member * count * stride + start * 4;
      return { from, stride, count, size: values, target: { buffer: view.buffer, ...range } };
    });
  const segments = [...of(first, size, 0), ...(second ? of(second, secondSize, size) : [])];
  return segments.every(({ target: { offset } }) => offset % VECTOR === 0) ? segments : undefined;
}

const roundUp = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** Sums that are added later. */
class PostponedSums implements Postponed {
  /** The buffer of parts. */
  readonly #room: BufferView | undefined;
  readonly #device: Device;
  #segments: Segment[] = [];
  #used = 0;
  /** True while the parts of the latest sum are being computed. */
  #isOpen = false;

  /** @param sizes bytes of the parts of each sum */
  constructor(device: Device, sizes: readonly number[]) {
    this.#device = device;
    const bytes = sizes.reduce((total, size) => total + roundUp(size, ALIGNMENT), 0);
    const { maxStorageBufferBindingSize } = device.limits;
    const share = device.memory().availableBytes * MEMORY_SHARE;
    const most =
      Math.floor(Math.min(bytes, MOST_BYTES, maxStorageBufferBindingSize, share) / VECTOR) * VECTOR;
    if (most > 0) this.#room = device.allocate(most);
  }

  /** Return room for parts of one sum; undefined if there is none. */
  place(bytes: number): BufferView | undefined {
    const room = this.#room;
    if (!room || bytes > room.bytes || this.#isOpen) return undefined;
    if (roundUp(this.#used, ALIGNMENT) + bytes > room.bytes) this.complete();
    const offset = roundUp(this.#used, ALIGNMENT);
    this.#used = offset + bytes;
    this.#isOpen = true;
    return { buffer: room.buffer, offset, bytes: roundUp(bytes, VECTOR) };
  }

  /** Return true if these are parts that lie in the room. */
  holds({ buffer }: BufferView): boolean {
    return buffer === this.#room?.buffer;
  }

  /** Add the sums of the latest parts later. */
  add(segments: readonly Segment[]): void {
    for (const { target } of segments) if (this.affect(target)) this.complete();
    this.#isOpen = false;
    this.#segments.push(...segments);
    for (const { target } of segments) target.buffer.postponed = this;
  }

  /** The parts of the latest sum were added at once. */
  close(): void {
    this.#isOpen = false;
  }

  affect({ buffer, offset, bytes }: BufferView): boolean {
    return this.#segments.some(
      ({ target }) =>
        target.buffer === buffer &&
        target.offset < offset + bytes &&
        offset < target.offset + roundUp(target.bytes, VECTOR),
    );
  }

  complete(): void {
    const segments = this.#segments;
    this.drop();
    const buffers = new Set(segments.map(({ target }) => target.buffer));
    for (const buffer of buffers) {
      if (buffer.released) continue;
      const ofBuffer = segments.filter(({ target }) => target.buffer === buffer);
      this.#device.watchReads(undefined, () => this.#launch(buffer, ofBuffer));
    }
    if (!this.#isOpen) this.#used = 0;
  }

  /** Forget sums that were not added. */
  drop(): void {
    for (const { target } of this.#segments) target.buffer.postponed = undefined;
    this.#segments = [];
  }

  /** Add everything, and free the parts. */
  end(): void {
    this.complete();
    if (this.#room) this.#device.release(this.#room);
  }

  #launch(buffer: PooledBuffer, segments: readonly Segment[]): void {
    const device = this.#device;
    const room = this.#room;
    if (!room) return;
    const start = Math.min(...segments.map(({ target }) => target.offset));
    const offset = Math.floor(start / ALIGNMENT) * ALIGNMENT;
    const end = Math.max(...segments.map(({ target }) => target.offset + roundUp(target.bytes, VECTOR)));
    const tiles = segments.flatMap(({ size }, i) => {
      const vectors = Math.ceil(size / 4);
      return Array.from({ length: Math.ceil(vectors / THREADS) }, (_, tile) => [i, tile * THREADS]).flat();
    });
    const rows = segments.flatMap(({ from, stride, count, size, target }) => [
      ...[from / VECTOR, stride / VECTOR, count, (target.offset - offset) / VECTOR],
      ...[size, 0, 0, 0],
    ]);
    const upload = (values: readonly number[]): BufferView => {
      const view = device.allocate(values.length * 4);
      device.upload(view, Uint32Array.from(values));
      return view;
    };
    const tables = { segments: upload(rows), tiles: upload(tiles) };
    const sums = { buffer, offset, bytes: end - offset };
    const count = tiles.length / 2;
    device.launch(addSegmentsKernel, { parts: room, ...tables, sums }, { tiles: count }, linearGrid(count));
    for (const view of Object.values(tables)) device.release(view);
  }
}

/** The sums that each device adds later, while there are any. */
const postponed = new WeakMap<Device, PostponedSums>();

/**
 * Run `body`, and add the sums of parts that it makes at its end, or before they are used.
 * @param sizes bytes of the parts of each sum. With more parts, or less memory, some are added earlier.
 */
export function postponeSums(device: Device, sizes: readonly number[], body: () => void): void {
  const outer = postponed.get(device);
  if (outer) {
    body();
    outer.complete();
    return;
  }
  const sums = new PostponedSums(device, sizes);
  postponed.set(device, sums);
  try {
    body();
    sums.end();
  } finally {
    sums.drop();
    postponed.delete(device);
  }
}

/** Allocate memory for the parts of one sum. Add the parts, then release it. */
export const allocateParts = (device: Device, bytes: number): BufferView =>
  postponed.get(device)?.place(bytes) ?? device.allocate(bytes);

/** Release the memory of parts that were added. */
export function releaseParts(device: Device, parts: BufferView): void {
  if (!postponed.get(device)?.holds(parts)) device.release(parts);
}

/** Add the sums of parts to what they are parts of, now or later. */
export function addParts(device: Device, options: AddPartsOptions): void {
  const { parts, count, stride, first, second, size, groups = 1 } = options;
  const sums = postponed.get(device);
  if (sums?.holds(parts)) {
    const segments = segmentsOf(options);
    if (segments) {
      sums.add(segments);
      return;
    }
    sums.close();
  }
  const secondSize = second ? (options.secondSize ?? 0) : 0;
  const vectors = size / 4;
  const params = { vectors, secondSize, stride: stride / 4, parts: count, groups };
  const grid = linearGrid(Math.ceil((groups * (vectors + Math.ceil(secondSize / 4))) / THREADS));
  device.launch(addPartsKernel(second !== undefined), { parts, first, second }, params, grid);
}
