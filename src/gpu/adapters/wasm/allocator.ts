/**
 * An allocator of ranges of addresses: first fit, with coalescing. It knows only numbers. Few ranges are free at a time, as the
 * engine keeps its buffers in a pool of size classes.
 */
import type { Range } from './executor.ts';

/** Addresses and sizes are multiples of it: WebGPU's largest alignment of a binding. */
export const ALIGNMENT = 256;

const aligned = (bytes: number): number => Math.ceil(Math.max(1, bytes) / ALIGNMENT) * ALIGNMENT;

/** Hands out ranges between two addresses. The end can move up. */
export class RangeAllocator {
  /** Free ranges by address. No two of them touch. */
  readonly #free: Range[] = [];
  /** Sizes of the ranges in use, by address. */
  readonly #used = new Map<number, number>();
  #end: number;

  /** @param start first address, a multiple of `ALIGNMENT`. */
  constructor(start: number, end: number) {
    this.#end = start;
    this.extend(end);
  }

  /** End of the addresses. */
  get end(): number {
    return this.#end;
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return [...this.#used.values()].reduce((total, bytes) => total + bytes, 0);
  }

  /** Move the end up. */
  extend(end: number): void {
    const from = this.#end;
    this.#end = Math.floor(end / ALIGNMENT) * ALIGNMENT;
    if (this.#end > from) this.#insert({ address: from, bytes: this.#end - from });
  }

  /** Return the number of bytes by which the end has to move up for a range of `bytes` bytes; 0 if there is room. */
  missing(bytes: number): number {
    const size = aligned(bytes);
    if (this.#free.some((range) => range.bytes >= size)) return 0;
    const last = this.#free.at(-1);
    const atEnd = last && last.address + last.bytes === this.#end ? last.bytes : 0;
    return size - atEnd;
  }

  /** Return the address of `bytes` bytes, a multiple of `ALIGNMENT`, and take them; undefined if there is no room. */
  allocate(bytes: number): number | undefined {
    const size = aligned(bytes);
    const at = this.#free.findIndex((range) => range.bytes >= size);
    const found = this.#free[at];
    if (!found) return undefined;
    const rest = { address: found.address + size, bytes: found.bytes - size };
    this.#free.splice(at, 1, ...(rest.bytes > 0 ? [rest] : []));
    this.#used.set(found.address, size);
    return found.address;
  }

  /** Give back the range at an address. @throws RangeError if none begins there. */
  free(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new RangeError(`no range begins at ${address}`);
    this.#used.delete(address);
    this.#insert({ address, bytes });
  }

  /** Add a free range, and join it to those that it touches. */
  #insert({ address, bytes }: Range): void {
    const at = this.#position(address);
    const [before, after] = [this.#free[at - 1], this.#free[at]];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + bytes === after.address;
    this.#free.splice(joinsBefore ? at - 1 : at, Number(joinsBefore) + Number(joinsAfter), {
      address: joinsBefore ? before.address : address,
      bytes: bytes + (joinsBefore ? before.bytes : 0) + (joinsAfter ? after.bytes : 0),
    });
  }

  /** Return the number of free ranges below an address. */
  #position(address: number): number {
    let [low, high] = [0, this.#free.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#free[middle]?.address ?? address) < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
