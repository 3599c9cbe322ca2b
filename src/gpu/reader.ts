/** Reads of results: submit everything pending, and read the list of faults with each result, to settle doubts. */
import { type BufferView, placeOf, USAGE } from './buffers.ts';
import type { DeviceContext } from './context.ts';
import { throwIfRight } from './doubts.ts';

export class Reader {
  /** Number of reads so far. */
  reads = 0;
  readonly #context: DeviceContext;

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** Submit everything pending, and return the bytes of a view. @throws GpuError after a failure or a loss. */
  async read(view: BufferView): Promise<ArrayBuffer> {
    const { gpu, batch, faults } = this.#context;
    const { doubts } = view.buffer;
    const sealed = faults.seal();
    const size = view.bytes + (sealed?.bytes ?? 0);
    const staging = gpu.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyDst });
    batch.copy(placeOf(view), { gpu: staging, offset: 0 }, view.bytes);
    if (sealed) {
      const list = placeOf(faults.view);
      batch.copy(list, { gpu: staging, offset: view.bytes }, sealed.bytes);
      batch.clear(list, sealed.bytes);
    }
    batch.submit();
    this.reads += 1;
    try {
      await this.#map(staging);
      const bytes = staging.getMappedRange().slice(0);
      if (sealed) faults.settle(sealed, new Uint32Array(bytes, view.bytes));
      await throwIfRight(doubts);
      return sealed ? bytes.slice(0, view.bytes) : bytes;
    } finally {
      if (sealed) faults.settle(sealed);
      staging.destroy();
    }
  }

  async #map(staging: GPUBuffer): Promise<void> {
    const { failure, wait, batch } = this.#context;
    try {
      if (batch.submitted) await wait(batch.submitted);
      await wait(staging.mapAsync(1));
    } catch (cause) {
      if (!(await failure.isLoss())) {
        const message = `a result could not be read: ${String(cause)}`;
        failure.report('READ_FAILED', message, 'run again, or try another --adapter');
      }
    }
    failure.throwIfAny();
  }
}
