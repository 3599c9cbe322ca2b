/**
 * Reads of results: submit everything pending, and read the list of faults with the results, to settle doubts. Several results
 * can be read together, which takes one wait.
 */
import { type BufferView, placeOf } from './buffers.ts';
import type { DeviceContext } from './context.ts';
import { throwIfRight } from './doubts.ts';
import { StagingBuffers } from './staging.ts';

/** Results that are read together. */
export interface JointRead {
  /**
   * Copy the present bytes of a view, in order with the commands around. They arrive after `finish`.
   * @throws GpuError if an earlier command failed or the device was lost.
   */
  add(view: BufferView): Promise<ArrayBuffer>;
  /** Submit everything pending, and read what was added. */
  finish(): void;
}

/** A staging buffer of a read, and the number of its bytes in use. */
interface Staging {
  readonly buffer: GPUBuffer;
  used: number;
}

/** Size of the staging buffer of a joint read, if no result is larger: its results are numbers or short lists. */
const JOINT_BYTES = 65_536;

/** Round up: ranges of a mapped buffer start at multiples of 8 bytes. */
const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

export class Reader {
  /** Number of reads so far; results that are read together are one. */
  reads = 0;
  readonly staging: StagingBuffers;
  readonly #context: DeviceContext;

  constructor(context: DeviceContext) {
    this.#context = context;
    this.staging = new StagingBuffers(context.gpu);
  }

  /** Submit everything pending, and return the bytes of a view. @throws GpuError after a failure or a loss. */
  async read(view: BufferView): Promise<ArrayBuffer> {
    const read = this.#begin(0);
    const bytes = read.add(view);
    read.finish();
    return bytes;
  }

  /** Begin to read several results together. */
  together(): JointRead {
    return this.#begin(JOINT_BYTES);
  }

  #begin(least: number): JointRead {
    const { batch, faults } = this.#context;
    const stagings: Staging[] = [];
    const copy = (view: BufferView, bytes: number): (() => ArrayBuffer) => {
      let last = stagings.at(-1);
      if (!last || aligned(last.used) + bytes > last.buffer.size) {
        last = { buffer: this.staging.take(Math.max(bytes, least)), used: 0 };
        stagings.push(last);
      }
      const { buffer, used } = last;
      const offset = aligned(used);
      // What is mapped is defined, between the results too.
      if (offset > used) batch.clear({ gpu: buffer, offset: used }, offset - used);
      batch.copy(placeOf(view), { gpu: buffer, offset }, bytes);
      last.used = offset + bytes;
      return () => buffer.getMappedRange(offset, bytes).slice(0);
    };
    let resolve: () => void = () => {};
    let reject: (error: unknown) => void = () => {};
    const arrived = new Promise<void>((...settlers) => {
      [resolve, reject] = settlers;
    });
    arrived.catch(() => {}); // every result throws it
    const found: { readonly get: () => ArrayBuffer; bytes?: ArrayBuffer }[] = [];
    return {
      add: async (view) => {
        const { doubts } = view.buffer;
        const result: (typeof found)[number] = { get: copy(view, view.bytes) };
        found.push(result);
        await arrived;
        await throwIfRight(doubts);
        return result.bytes ?? new ArrayBuffer(0);
      },
      finish: () => {
        const sealed = faults.seal();
        const list = sealed && copy(faults.view, sealed.bytes);
        if (sealed) batch.clear(placeOf(faults.view), sealed.bytes);
        batch.submit();
        this.reads += 1;
        this.#map(stagings).then(
          () => {
            for (const result of found) result.bytes = result.get();
            if (sealed && list) faults.settle(sealed, new Uint32Array(list()));
            for (const { buffer } of stagings) {
              buffer.unmap();
              this.staging.give(buffer);
            }
            resolve();
          },
          (error: unknown) => {
            if (sealed) faults.settle(sealed);
            for (const { buffer } of stagings) this.staging.destroy(buffer);
            reject(error);
          },
        );
      },
    };
  }

  async #map(stagings: readonly Staging[]): Promise<void> {
    const { failure, wait, batch } = this.#context;
    try {
      if (batch.submitted) await wait(batch.submitted);
      await Promise.all(stagings.map(({ buffer, used }) => wait(buffer.mapAsync(1, 0, used))));
    } catch (cause) {
      if (!(await failure.isLoss())) {
        const message = `a result could not be read: ${String(cause)}`;
        failure.report('READ_FAILED', message, 'run again, or try another --adapter');
      }
    }
    failure.throwIfAny();
  }
}
