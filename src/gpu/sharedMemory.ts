/**
 * Memory that recordings share. Replays run one after another, and within a replay a buffer is needed only from the first to
 * the last command that uses it.
 */
import { type BufferPool, type PooledBuffer, viewOf } from './buffers.ts';

/** Buffers that recordings share: of each size, as many as the recording that needs most. */
export class SharedMemory {
  readonly #pool: BufferPool;
  readonly #buffers = new Map<number, PooledBuffer[]>();
  #users = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Return the sizes of existing buffers from `bytes` to twice that, smallest first. */
  sizesFor(bytes: number): number[] {
    return [...this.#buffers.keys()]
      .filter((size) => size >= bytes && size <= 2 * bytes)
      .sort((a, b) => a - b);
  }

  count(bytes: number): number {
    return this.#buffers.get(bytes)?.length ?? 0;
  }

  /** Return the `index`-th buffer of a size. */
  get(bytes: number, index: number): PooledBuffer {
    const buffers = this.#buffers.get(bytes) ?? [];
    this.#buffers.set(bytes, buffers);
    while (buffers.length <= index) buffers.push(this.#pool.reserve(bytes, 'recordings'));
    return buffers[index] as PooledBuffer;
  }

  join(): void {
    this.#users += 1;
  }

  /** Release everything when the last user has left. */
  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    for (const buffer of [...this.#buffers.values()].flat()) this.#pool.release(viewOf(buffer, buffer.bytes));
    this.#buffers.clear();
  }
}

/** Round up to the size of a shared buffer: four to each power of two, coarse enough for similar shapes to share. */
function sharedSize(bytes: number): number {
  const step = Math.max(256, 2 ** Math.ceil(Math.log2(bytes)) / 8);
  return Math.ceil(bytes / step) * step;
}

/** A buffer without memory, and the first and last command that use it. */
export interface Life {
  readonly buffer: PooledBuffer;
  readonly first: number;
  readonly last: number;
}

/** Assign memory to buffers by a linear scan over their lives: those that do not overlap may share. */
export function shareMemory(lives: readonly Life[], shared: SharedMemory): void {
  const slots = new SlotPlan(shared);
  const busy: { readonly slot: Slot; readonly until: number }[] = [];
  for (const { buffer, first, last } of [...lives].sort((a, b) => a.first - b.first)) {
    for (let i = busy.length - 1; i >= 0; i--) {
      const { slot, until } = busy[i] as (typeof busy)[number];
      if (until >= first) continue;
      busy.splice(i, 1);
      slots.give(slot);
    }
    const slot = slots.take(buffer.bytes);
    busy.push({ slot, until: last });
    buffer.lend(shared.get(slot.bytes, slot.index).memory);
  }
}

/** The `index`-th shared buffer of a size. */
interface Slot {
  readonly bytes: number;
  readonly index: number;
}

/** The shared buffers that a plan uses, and those among them that are currently free. */
class SlotPlan {
  readonly #shared: SharedMemory;
  readonly #free = new Map<number, number[]>();
  readonly #used = new Map<number, number>();

  constructor(shared: SharedMemory) {
    this.#shared = shared;
  }

  /** Take the smallest existing free buffer, or a new one. */
  take(needed: number): Slot {
    for (const bytes of this.#shared.sizesFor(needed)) {
      const index = this.#free.get(bytes)?.pop();
      if (index !== undefined) return { bytes, index };
      const used = this.#used.get(bytes) ?? 0;
      if (used < this.#shared.count(bytes)) return this.#next(bytes);
    }
    const bytes = sharedSize(needed);
    const index = this.#free.get(bytes)?.pop();
    return index === undefined ? this.#next(bytes) : { bytes, index };
  }

  give({ bytes, index }: Slot): void {
    const free = this.#free.get(bytes);
    if (free) free.push(index);
    else this.#free.set(bytes, [index]);
  }

  #next(bytes: number): Slot {
    const index = this.#used.get(bytes) ?? 0;
    this.#used.set(bytes, index + 1);
    this.#shared.get(bytes, index); // from now on it is there
    return { bytes, index };
  }
}
