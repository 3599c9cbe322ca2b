/**
 * Time kernels on the GPU. While profiling, every dispatch is a separate pass with timestamps at both ends, so the sum exceeds
 * the time of the same work in one pass. Without timestamps there are only counts, bytes and CPU times.
 */
import { USAGE } from './buffers.ts';
import type { Dispatch } from './kernel.ts';
import { boundBytes, flopsOf } from './work.ts';

const QUERY_RESOLVE = 0x200;
const TIMESTAMP_BYTES = 8;

/** One dispatch. */
export interface ProfiledDispatch {
  readonly kernel: string;
  /** Milliseconds on the GPU's clock; undefined without timestamps. */
  readonly start: number | undefined;
  readonly end: number | undefined;
  /** Milliseconds of CPU time to encode it. */
  readonly cpu: number;
  /** Total size of the bound buffers, in bytes: the traffic if each is read or written once. */
  readonly bytes: number;
  /** Floating-point operations that the kernel declares; otherwise 0. */
  readonly flops: number;
}

type Encoded = Omit<ProfiledDispatch, 'start' | 'end'>;
/** Facts of a dispatch that are known before it is encoded. */
type Known = Omit<Encoded, 'cpu'>;

export class Profiler {
  readonly #device: GPUDevice;
  readonly #querySet: GPUQuerySet | undefined;
  readonly #done: ProfiledDispatch[] = [];
  #pending: Promise<void> = Promise.resolve();
  #batch: Encoded[] = [];

  /** @param most maximum number of dispatches in a batch. */
  constructor(device: GPUDevice, most: number) {
    this.#device = device;
    if (device.features.has('timestamp-query')) {
      this.#querySet = device.createQuerySet({ type: 'timestamp', count: 2 * most });
    }
  }

  /** Return the descriptor of the pass for the batch's next dispatch. */
  pass(label: string): GPUComputePassDescriptor {
    const querySet = this.#querySet;
    if (!querySet) return { label };
    const at = 2 * this.#batch.length;
    const timestampWrites = { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
    return { label, timestampWrites };
  }

  /** Return what is recorded of a dispatch with its present parameters. */
  timed(dispatch: Dispatch): Known {
    return { kernel: dispatch.kernel.name, bytes: boundBytes(dispatch), flops: flopsOf(dispatch) };
  }

  /** Record an encoded dispatch. */
  add(dispatch: Known, cpu: number): void {
    this.#batch.push({ ...dispatch, cpu });
  }

  /** Append the commands that fetch the batch's timestamps. Call the returned function after the submission. */
  finish(encoder: GPUCommandEncoder): () => void {
    const batch = this.#batch;
    this.#batch = [];
    if (!this.#querySet || batch.length === 0) {
      this.#done.push(...batch.map((dispatch) => ({ ...dispatch, start: undefined, end: undefined })));
      return () => {};
    }
    const size = batch.length * 2 * TIMESTAMP_BYTES;
    const resolved = this.#device.createBuffer({ size, usage: QUERY_RESOLVE | USAGE.copySrc });
    const staging = this.#device.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyDst });
    encoder.resolveQuerySet(this.#querySet, 0, 2 * batch.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    return () => {
      const mapped = staging.mapAsync(1);
      this.#pending = Promise.all([this.#pending, mapped]).then(() => {
        const nanoseconds = new BigUint64Array(staging.getMappedRange());
        batch.forEach((dispatch, i) => {
          const [start, end] = [nanoseconds[2 * i], nanoseconds[2 * i + 1]].map((time) => Number(time) / 1e6);
          this.#done.push({ ...dispatch, start, end });
        });
        staging.destroy();
        resolved.destroy();
      });
    };
  }

  /** Return all dispatches so far, in order. */
  async dispatches(): Promise<readonly ProfiledDispatch[]> {
    await this.#pending;
    return this.#done;
  }
}
