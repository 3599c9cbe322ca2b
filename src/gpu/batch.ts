/**
 * The batch of commands that is being encoded. Appending takes microseconds; nothing reaches the driver until `submit`. All
 * parameters and small uploads of the batch are in one arena, written with a single `writeBuffer`.
 */
import { Arena } from './arena.ts';
import type { BufferPlace } from './buffers.ts';
import type { Dispatch } from './kernel.ts';
import type { Pipeline } from './pipelines.ts';
import { Profiler } from './profiler.ts';

const MAX_BATCH = 512;
/** Maximum size of an upload through the arena, in bytes. Larger ones go directly to the queue. */
const STAGED_UPLOAD_BYTES = 1 << 16;

/** The pipeline and the bind group of a dispatch. */
export interface Bound {
  readonly pipeline: Pipeline;
  readonly bindGroup: GPUBindGroup;
  /** Offset of the parameters, unless the bind group fixes it. */
  readonly paramsOffset?: number | undefined;
}

export class CommandBatch {
  readonly arena: Arena;
  readonly counters = { dispatches: 0, submissions: 0 };
  /** Times every dispatch; undefined without profiling. */
  readonly profiler: Profiler | undefined;
  readonly #device: GPUDevice;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #length = 0;

  constructor(device: GPUDevice, { profile = false } = {}) {
    this.#device = device;
    if (profile) this.profiler = new Profiler(device, MAX_BATCH);
    this.arena = new Arena(device, 'arena');
  }

  /** Make room for `bytes` in the arena; submit the batch if it is full. */
  reserve(bytes: number): void {
    if (!this.arena.hasRoom(bytes) || this.#length >= MAX_BATCH) this.submit();
  }

  dispatch(dispatch: Dispatch, bound: Bound): void {
    const { profiler } = this;
    if (profiler) this.#profiled(dispatch, bound, profiler);
    else this.#encode(dispatch, bound);
  }

  /** Encode a dispatch in a separate, timed pass. */
  #profiled(dispatch: Dispatch, bound: Bound, profiler: Profiler): void {
    this.#pass = this.#outsidePass().beginComputePass(profiler.pass(dispatch.kernel.name));
    const started = performance.now();
    this.#encode(dispatch, bound);
    profiler.add(dispatch, performance.now() - started);
    this.#endPass();
  }

  #encode({ workgroups }: Dispatch, { pipeline, bindGroup, paramsOffset }: Bound): void {
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    this.#pass.setPipeline(pipeline.gpu);
    if (paramsOffset === undefined) this.#pass.setBindGroup(0, bindGroup);
    else this.#pass.setBindGroup(0, bindGroup, [paramsOffset]);
    this.#pass.dispatchWorkgroups(...workgroups);
    this.#length += 1;
    this.counters.dispatches += 1;
  }

  copy(source: BufferPlace, target: BufferPlace, bytes: number): void {
    this.#outsidePass().copyBufferToBuffer(source.gpu, source.offset, target.gpu, target.offset, bytes);
  }

  clear(target: BufferPlace, bytes: number): void {
    this.#outsidePass().clearBuffer(target.gpu, target.offset, bytes);
  }

  /** Copy bytes to `target`. */
  upload(data: ArrayBufferView<ArrayBuffer>, target: BufferPlace): void {
    if (data.byteLength > STAGED_UPLOAD_BYTES) {
      this.submit();
      const { buffer, byteOffset, byteLength } = data;
      this.#device.queue.writeBuffer(target.gpu, target.offset, buffer, byteOffset, byteLength);
      return;
    }
    this.reserve(data.byteLength);
    const offset = this.arena.addBytes(data);
    this.copy({ gpu: this.arena.gpu, offset }, target, Math.ceil(data.byteLength / 4) * 4);
  }

  submit(): void {
    this.#endPass();
    if (!this.#encoder) return;
    this.arena.write();
    const profiled = this.profiler?.finish(this.#encoder);
    this.#device.queue.submit([this.#encoder.finish()]);
    profiled?.();
    this.#encoder = undefined;
    this.arena.reset();
    this.#length = 0;
    this.counters.submissions += 1;
  }

  /** Discard all commands that were not submitted. */
  discard(): void {
    this.#endPass();
    this.#encoder = undefined;
  }

  #outsidePass(): GPUCommandEncoder {
    this.#endPass();
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}
