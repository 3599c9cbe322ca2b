/** A mapping of a buffer. The host sees copies: an ArrayBuffer cannot be a part of WebAssembly's memory. */
import type { Range } from './executor.ts';
import type { DeviceMemory } from './memory.ts';
import { rangeProblem } from './state.ts';

interface View {
  readonly offset: number;
  readonly data: ArrayBuffer;
}

export class Mapping {
  readonly #memory: DeviceMemory;
  readonly #range: Range;
  /** Offset of the mapping in its buffer. */
  readonly #offset: number;
  readonly #writes: boolean;
  readonly #views: View[] = [];

  /** @param range the mapped bytes. */
  constructor(
    memory: DeviceMemory,
    range: Range,
    { offset = 0, writes }: { readonly offset?: number; readonly writes: boolean },
  ) {
    this.#memory = memory;
    this.#range = range;
    this.#offset = offset;
    this.#writes = writes;
  }

  /** Return a copy of `size` bytes from an offset in the buffer on. @throws DOMException if the range is not to be had. */
  view(offset: number, size: number): ArrayBuffer {
    const problem = this.#problem(offset, size);
    if (problem !== undefined) throw new DOMException(`getMappedRange: ${problem}`, 'OperationError');
    const data = new ArrayBuffer(size);
    const address = this.#addressOf(offset);
    new Uint8Array(data).set(this.#memory.bytes.subarray(address, address + size));
    this.#views.push({ offset, data });
    return data;
  }

  /** Write the views back where the mapping is for writing, and detach them. Return the written ranges. */
  end(): readonly Range[] {
    const written: Range[] = [];
    for (const { offset, data } of this.#views) {
      if (this.#writes) {
        const range = { address: this.#addressOf(offset), bytes: data.byteLength };
        this.#memory.bytes.set(new Uint8Array(data), range.address);
        written.push(range);
      }
      structuredClone(data, { transfer: [data] });
    }
    return written;
  }

  #addressOf(offset: number): number {
    return this.#range.address + offset - this.#offset;
  }

  #problem(offset: number, size: number): string | undefined {
    if (size % 4 !== 0) return `size ${size} is not a multiple of 4`;
    const overlaps = this.#views.some(
      (view) => view.offset < offset + size && offset < view.offset + view.data.byteLength,
    );
    if (overlaps) return 'it overlaps an earlier one';
    return rangeProblem(offset - this.#offset, size, { size: this.#range.bytes, alignment: 8 });
  }
}
