/** Staging buffers of reads: buffers that the host can map, kept for later reads. The sizes of those that can be kept are powers of two. */
import { USAGE } from './buffers.ts';

/** Minimum size of a staging buffer, in bytes. */
const LEAST_BYTES = 4096;
/** Maximum size of all free staging buffers that are kept, in bytes. */
const MOST_KEPT = 16 * 2 ** 20;

export class StagingBuffers {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  #kept = 0;
  #bytes = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Size of all buffers, free or in use, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Take a buffer of at least `bytes` bytes. */
  take(bytes: number): GPUBuffer {
    // A larger one is used once, and the next power of two may be more than the adapter allows.
    const size = bytes > MOST_KEPT ? bytes : 2 ** Math.ceil(Math.log2(Math.max(LEAST_BYTES, bytes)));
    const free = this.#free.get(size)?.pop();
    if (free) {
      this.#kept -= size;
      return free;
    }
    this.#bytes += size;
    return this.#device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyDst, label: 'staging' });
  }

  /** Keep an unmapped buffer for later reads. */
  give(buffer: GPUBuffer): void {
    const { size } = buffer;
    if (this.#kept + size > MOST_KEPT) {
      this.destroy(buffer);
      return;
    }
    this.#kept += size;
    const free = this.#free.get(size);
    if (free) free.push(buffer);
    else this.#free.set(size, [buffer]);
  }

  /** Destroy a buffer that is no longer in use. */
  destroy(buffer: GPUBuffer): void {
    this.#bytes -= buffer.size;
    buffer.destroy();
  }

  /** Destroy all free buffers. */
  trim(): void {
    for (const buffer of [...this.#free.values()].flat()) this.destroy(buffer);
    this.#free.clear();
    this.#kept = 0;
  }
}
