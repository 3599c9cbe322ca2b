/**
 * The batch of commands that is being collected. Appending takes microseconds; nothing reaches the driver until `submit`. All
 * parameters and small uploads of the batch are in one arena, written with a single `writeBuffer`.
 *
 * A submission whose kernels are still being compiled waits for them, and later ones wait behind it, so the kernels of all that is
 * launched up to the next read are compiled together.
 */
import type { AdapterClass } from './adapterClass.ts';
import { Arena } from './arena.ts';
import type { BufferPlace } from './buffers.ts';
import type { Dispatch } from './kernel.ts';
import type { Pipeline } from './pipelines.ts';
import { Profiler } from './profiler.ts';
import { Submissions } from './submissions.ts';
import { mostWork } from './work.ts';

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

type Encode = (encoder: PassEncoder) => void;

/** Options of a batch. */
export interface BatchOptions {
  /** Time every dispatch. */
  readonly profile?: boolean | undefined;
  readonly adapterClass: AdapterClass;
}

export class CommandBatch {
  readonly arena: Arena;
  readonly counters = { dispatches: 0, submissions: 0 };
  /** Times every dispatch; undefined without profiling. */
  readonly profiler: Profiler | undefined;
  /** Maximum work of a submission, as `workOf` counts it; infinite where nothing ends long ones. */
  readonly mostWork: number;
  readonly #device: GPUDevice;
  readonly #submissions = new Submissions();
  #commands: Encode[] = [];
  #compiling = new Set<Pipeline>();
  /** Dispatches in the batch, and their work. */
  #length = 0;
  #work = 0;

  constructor(device: GPUDevice, { profile = false, adapterClass }: BatchOptions) {
    this.#device = device;
    this.mostWork = mostWork(adapterClass);
    if (profile) this.profiler = new Profiler(device, MAX_BATCH);
    this.arena = new Arena(device, 'arena');
  }

  /** Make room for a dispatch with `bytes` in the arena and this work; submit the batch if it is full. */
  reserve(bytes: number, work = 0): void {
    const isTooMuch = this.#length > 0 && this.#work + work > this.mostWork;
    if (isTooMuch || this.#length >= MAX_BATCH || !this.arena.hasRoom(bytes)) this.submit();
    this.#work += work;
  }

  dispatch(dispatch: Dispatch, bound: Bound): void {
    const timed = this.profiler?.timed(dispatch);
    const { workgroups } = dispatch;
    this.#commands.push((encoder) => encoder.dispatch(workgroups, bound, timed));
    if (!bound.pipeline.isReady) this.#compiling.add(bound.pipeline);
    this.#length += 1;
    this.counters.dispatches += 1;
  }

  copy(source: BufferPlace, target: BufferPlace, bytes: number): void {
    this.#commands.push(({ commands }) =>
      commands.copyBufferToBuffer(source.gpu, source.offset, target.gpu, target.offset, bytes),
    );
  }

  clear(target: BufferPlace, bytes: number): void {
    this.#commands.push(({ commands }) => commands.clearBuffer(target.gpu, target.offset, bytes));
  }

  /** Copy bytes to `target`. */
  upload(data: ArrayBufferView<ArrayBuffer>, target: BufferPlace): void {
    if (data.byteLength > STAGED_UPLOAD_BYTES) {
      this.submit();
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const { gpu, offset } = target;
      this.#submissions.run((isLater) => {
        const written = isLater ? bytes.slice() : bytes;
        return () => this.#device.queue.writeBuffer(gpu, offset, written);
      });
      return;
    }
    this.reserve(data.byteLength);
    const offset = this.arena.addBytes(data);
    this.copy({ gpu: this.arena.gpu, offset }, target, Math.ceil(data.byteLength / 4) * 4);
  }

  /** Submit the batch, as soon as its kernels are compiled. */
  submit(): void {
    if (this.#commands.length === 0) return;
    const commands = this.#commands;
    this.#submissions.run((isLater) => {
      const write = isLater ? this.arena.copied() : () => this.arena.write();
      return () => {
        write();
        this.#send(commands);
      };
    }, this.#compiling);
    this.#commands = [];
    this.#compiling = new Set();
    this.arena.reset();
    this.#length = 0;
    this.#work = 0;
    this.counters.submissions += 1;
  }

  /** Submit the batch now. What is still being compiled is compiled anew, and the caller waits. */
  submitNow(): void {
    this.submit();
    this.#submissions.runAll();
  }

  /** Resolve when everything up to now is with the driver. Undefined if it is. */
  get submitted(): Promise<void> | undefined {
    return this.#submissions.done;
  }

  /** Discard all commands that were not submitted. */
  discard(): void {
    this.#commands = [];
    this.#submissions.discard();
  }

  #send(commands: readonly Encode[]): void {
    const encoder = new PassEncoder(this.#device, this.profiler);
    for (const encode of commands) encode(encoder);
    const finished = encoder.commands;
    const profiled = this.profiler?.finish(finished);
    this.#device.queue.submit([finished.finish()]);
    profiled?.();
  }
}

/** Times a dispatch in a separate pass. */
type Timed = ReturnType<Profiler['timed']>;

/** Encodes commands. Dispatches share a pass until something else comes between. */
class PassEncoder {
  readonly #encoder: GPUCommandEncoder;
  readonly #profiler: Profiler | undefined;
  #pass: GPUComputePassEncoder | undefined;

  constructor(device: GPUDevice, profiler: Profiler | undefined) {
    this.#encoder = device.createCommandEncoder();
    this.#profiler = profiler;
  }

  /** The encoder, outside of a pass. */
  get commands(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    return this.#encoder;
  }

  dispatch(workgroups: Dispatch['workgroups'], bound: Bound, timed: Timed | undefined): void {
    if (!timed || !this.#profiler) {
      this.#pass ??= this.#encoder.beginComputePass();
      encodeDispatch(this.#pass, workgroups, bound);
      return;
    }
    const pass = this.commands.beginComputePass(this.#profiler.pass(timed.kernel));
    const started = performance.now();
    encodeDispatch(pass, workgroups, bound);
    this.#profiler.add(timed, performance.now() - started);
    pass.end();
  }
}

function encodeDispatch(
  pass: GPUComputePassEncoder,
  workgroups: Dispatch['workgroups'],
  { pipeline, bindGroup, paramsOffset }: Bound,
): void {
  pass.setPipeline(pipeline.gpu);
  if (paramsOffset === undefined) pass.setBindGroup(0, bindGroup);
  else pass.setBindGroup(0, bindGroup, [paramsOffset]);
  pass.dispatchWorkgroups(...workgroups);
}
