/** Fill new memory with NaN, so that reads before writes show. */
import type { CommandBatch } from './batch.ts';
import { type BufferView, USAGE } from './buffers.ts';

/** Size of the pieces in which memory is poisoned, in bytes. */
const POISON_BYTES = 1 << 18;
/** A quiet NaN. */
const POISON = 0x7fc0_0000;

/** Return true for an adapter that knows which memory was written, and reports results that depend on other memory. */
export const tracksWrites = ({ description }: GPUAdapterInfo): boolean => /\bchecked\b/.test(description);

/** Poison views by copies in a batch of commands. An adapter that tracks writes copies from memory that nobody wrote. */
export class Poison {
  readonly #batch: CommandBatch;
  readonly #source: GPUBuffer;

  constructor(gpu: GPUDevice, batch: CommandBatch) {
    this.#batch = batch;
    const usage = USAGE.copySrc | USAGE.copyDst;
    this.#source = gpu.createBuffer({ size: POISON_BYTES, usage, label: 'poison' });
    if (!tracksWrites(gpu.adapterInfo))
      gpu.queue.writeBuffer(this.#source, 0, new Uint32Array(POISON_BYTES / 4).fill(POISON));
  }

  fill(view: BufferView): void {
    for (let at = 0; at < view.bytes; at += POISON_BYTES) {
      const bytes = Math.min(POISON_BYTES, view.bytes - at);
      this.#batch.copy({ gpu: this.#source, offset: 0 }, { gpu: view.buffer.gpu, offset: at }, bytes);
    }
  }
}
