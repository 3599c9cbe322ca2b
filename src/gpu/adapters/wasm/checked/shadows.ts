/** State of a device's memory, buffer by buffer. */
import type { Range } from '../executor.ts';
import { Shadow } from './accesses.ts';
import { DEFINED } from './origins.ts';

/** A buffer of the device. */
interface ShadowedRange extends Range {
  readonly shadow: Shadow;
}

/** A byte range of a buffer, with the buffer's state. */
export interface ShadowPlace {
  readonly shadow: Shadow;
  /** Offset in the buffer, in bytes. */
  readonly offset: number;
}

/** The states of all buffers, by address. */
export class Shadows {
  /** In the order of their addresses; none overlap. */
  #ranges: ShadowedRange[] = [];

  /** Note a new buffer, in place of all that had its addresses before. Nothing in it is written. */
  allocated({ address, bytes }: Range): void {
    const shadow = new Shadow(Math.ceil(bytes / 4));
    const first = this.#firstEndingAfter(address);
    let end = first;
    while (end < this.#ranges.length && this.#ranges[end].address < address + bytes) end++;
    this.#ranges.splice(first, end - first, { address, bytes, shadow });
  }

  /** Return the buffer that has an address. */
  at(address: number): ShadowPlace {
    const range = this.#ranges[this.#firstEndingAfter(address)];
    if (range === undefined || range.address > address)
      throw new Error(`no buffer has the address ${address}`);
    return { shadow: range.shadow, offset: address - range.address };
  }

  /** Return the states of the words of a range of a buffer. */
  states({ address, bytes }: Range): Uint32Array {
    const { shadow, offset } = this.at(address);
    return shadow.states.subarray(Math.floor(offset / 4), Math.ceil((offset + bytes) / 4));
  }

  /** Note that a range has defined values. */
  written(range: Range): void {
    if (range.bytes > 0) this.states(range).fill(DEFINED);
  }

  /** Note that a range was copied, defined or not. */
  copied(source: number, target: number, bytes: number): void {
    if (bytes > 0) this.states({ address: target, bytes }).set(this.states({ address: source, bytes }));
  }

  /** Return the place of the first buffer that ends after an address. */
  #firstEndingAfter(address: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { address: start, bytes } = this.#ranges[middle];
      if (start + bytes > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
