/** The memory of a device: one WebAssembly memory, in which all buffers and programs are ranges. It grows on demand. */
import { FIRST_ADDRESS } from './abi.ts';
import { RangeAllocator } from './allocator.ts';
import type { Range } from './executor.ts';

const PAGE = 65_536;
/** WebAssembly addresses have 32 bits. */
export const MOST_BYTES = 65_536 * PAGE;
const INITIAL_BYTES = 16 * 2 ** 20;
/** Minimum growth, in bytes. A growth takes some 0.1 ms, and untouched pages take no memory. */
const LEAST_GROWTH = 64 * 2 ** 20;

/** Reserve addresses, fewer if the engine refuses. */
function reserve(mostBytes: number, shared: boolean): WebAssembly.Memory {
  const maximum = Math.ceil(mostBytes / PAGE);
  const initial = Math.min(INITIAL_BYTES / PAGE, maximum);
  try {
    return new WebAssembly.Memory({ initial, maximum, shared });
  } catch (error) {
    if (maximum <= initial) throw error;
    return reserve(mostBytes / 2, shared);
  }
}

/** A memory whose ranges can be allocated and freed. */
export class DeviceMemory {
  readonly wasm: WebAssembly.Memory;
  /** True if several threads can use it. */
  readonly shared: boolean;
  readonly #mostBytes: number;
  readonly #ranges: RangeAllocator;
  /** Bytes from here on were never in use, and are zero. */
  #fresh = FIRST_ADDRESS;
  #bytes: Uint8Array;
  #words: Int32Array;

  /** @throws RangeError if the engine gives no memory at all. */
  constructor({ mostBytes = MOST_BYTES, shared }: { readonly mostBytes?: number; readonly shared: boolean }) {
    this.shared = shared;
    this.#mostBytes =
      Math.max(FIRST_ADDRESS / PAGE + 1, Math.floor(Math.min(mostBytes, MOST_BYTES) / PAGE)) * PAGE;
    this.wasm = reserve(this.#mostBytes, shared);
    this.#bytes = new Uint8Array(this.wasm.buffer);
    this.#words = new Int32Array(this.wasm.buffer);
    this.#ranges = new RangeAllocator(FIRST_ADDRESS, this.wasm.buffer.byteLength);
  }

  /** The memory as bytes, until it grows. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The memory as 32-bit words, until it grows. */
  get words(): Int32Array {
    return this.#words;
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.#ranges.usedBytes;
  }

  /** Allocate a range with unspecified contents; undefined if there is no room. */
  allocate(bytes: number): Range | undefined {
    let address = this.#ranges.allocate(bytes);
    if (address === undefined && this.#grow(bytes)) address = this.#ranges.allocate(bytes);
    if (address === undefined) return undefined;
    this.#fresh = Math.max(this.#fresh, address + bytes);
    return { address, bytes };
  }

  /** Allocate a range of zeros; undefined if there is no room. */
  allocateZeros(bytes: number): Range | undefined {
    const fresh = this.#fresh;
    const range = this.allocate(bytes);
    if (!range) return undefined;
    // Words are filled five times as fast as bytes.
    const end = Math.min(fresh, range.address + bytes);
    this.#words.fill(0, range.address / 4, Math.max(range.address, Math.ceil(end / 4) * 4) / 4);
    return range;
  }

  /** Give a range back. */
  free({ address }: Range): void {
    this.#ranges.free(address);
  }

  /** Make room for `bytes` bytes; return false if that is not possible. */
  #grow(bytes: number): boolean {
    const missing = this.#ranges.missing(bytes);
    const { end } = this.#ranges;
    const preferred = Math.min(Math.max(missing, LEAST_GROWTH, end / 4), this.#mostBytes - end);
    if (preferred < missing) return false;
    if (!this.#growBy(preferred) && !this.#growBy(missing)) return false;
    this.#bytes = new Uint8Array(this.wasm.buffer);
    this.#words = new Int32Array(this.wasm.buffer);
    this.#ranges.extend(this.wasm.buffer.byteLength);
    return true;
  }

  #growBy(bytes: number): boolean {
    try {
      this.wasm.grow(Math.ceil(bytes / PAGE));
      return true;
    } catch {
      return false;
    }
  }
}
