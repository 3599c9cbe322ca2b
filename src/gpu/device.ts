// The shipped types name Disposable, which the lib setting of whoever uses them may lack.
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The device: compiles kernels once, batches their dispatches into few submissions, moves data in and out.
 *
 * Launching appends to the open command encoder; nothing reaches the driver until a value is read or the batch is
 * full. Kernel parameters and small uploads are staged in one arena per batch, written with a single `writeBuffer`.
 */
import { expectOptions } from '../base/arguments.ts';
import { GpuError } from '../base/errors.ts';
import { INSPECT } from '../base/inspection.ts';
import { CommandBatch } from './batch.ts';
import {
  BufferPool,
  type BufferView,
  type MemoryReport,
  type PooledBuffer,
  type Scope,
  USAGE,
} from './buffers.ts';
import {
  DEVICE_OPTIONS,
  type DeviceLimits,
  type DeviceOptions,
  limitsOf,
  type MatmulPrecision,
  requestDevice,
} from './deviceOptions.ts';
import { doubtsOf, NO_DOUBTS, passOn, throwIfRight, withoutDispelled } from './doubts.ts';
import { Failure } from './failure.ts';
import { type CheckedPlace, FAULT_BYTES, Faults } from './faults.ts';
import type { Kernel, Scalar, Workgroups } from './kernel.ts';
import { type KernelChoices, shippedChoices } from './kernelChoices.ts';
import { prefersShortLoops } from './loopLength.ts';
import { PipelineCache } from './pipelines.ts';
import { Poison } from './poison.ts';
import type { ProfiledDispatch } from './profiler.ts';
import { Recorder, type Recording } from './recording.ts';
import { SharedMemory } from './sharedMemory.ts';
import { type Wait, waitingFor } from './waiting.ts';

export type { DeviceLimits, DeviceOptions, MatmulPrecision, Recording };

/** Counts since the device was opened. */
export interface DeviceCounters {
  readonly dispatches: number;
  readonly submissions: number;
  readonly reads: number;
  readonly pipelines: number;
}

/** Told of a view that a command is about to read, and of the name that the command binds it by. */
export type ReadWatcher = (view: BufferView, name: string) => void;

/** A GPU with its memory, its compiled kernels and the commands it has yet to be sent. */
export class Device {
  readonly gpu: GPUDevice;
  readonly info: GPUAdapterInfo;
  /** What it was opened with. */
  readonly options: DeviceOptions;
  /** Limits that kernels and buffers keep to. */
  readonly limits: DeviceLimits;
  /** Lanes per subgroup where that number is fixed and kernels may rely on it; 0 otherwise. */
  readonly subgroupSize: number;
  /** Whether only kernels that run on every adapter are used. */
  readonly portableKernels: boolean;
  /** Whether loops of little code are the faster ones, where kernels come in both forms. */
  readonly shortLoops: boolean;
  /** Whether products may round their operands to f16. */
  readonly halfProducts: boolean;
  /** Which variants of kernels to use: what comes with the package, and over it what was given. */
  readonly choices: KernelChoices;
  /** Names of the variants of kernels in use, by family and shape class. */
  readonly chosen = new Map<string, string>();
  /** Whether fresh memory is poisoned and results are checked. */
  readonly debug: boolean;
  readonly #pool: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #batch: CommandBatch;
  readonly #shared: SharedMemory;
  #reads = 0;
  #recorder: Recorder | undefined;
  readonly #failure: Failure;
  #poison: Poison | undefined;
  readonly #wait: Wait;
  #faults: Faults | undefined;
  #onRead: ReadWatcher | undefined;

  private constructor(gpu: GPUDevice, options: DeviceOptions) {
    this.gpu = gpu;
    this.info = gpu.adapterInfo;
    this.options = options;
    this.limits = limitsOf(gpu, options);
    const { subgroupMinSize: min, subgroupMaxSize: max } = this.info;
    const fixed = gpu.features.has('subgroups') && min !== undefined && min === max;
    this.portableKernels = options.portableKernels ?? false;
    this.subgroupSize = fixed && !this.portableKernels ? min : 0;
    this.shortLoops = options.shortLoops ?? false;
    this.halfProducts = options.matmulPrecision === 'medium' && gpu.features.has('shader-f16');
    this.choices = { ...shippedChoices(this.info), ...options.kernelChoices };
    this.#wait = waitingFor(this.info);
    this.#failure = new Failure(gpu);
    this.#pipelines = new PipelineCache(gpu, ({ name }, message) =>
      this.#failure.reportKernel(name, message),
    );
    this.debug = options.debug ?? false;
    this.#batch = new CommandBatch(gpu, options);
    const events = {
      destroying: () => {
        this.flush();
        this.#pipelines.forgetBindGroups();
      },
      outOfMemory: (error: GpuError) => this.#failure.add(error),
    };
    this.#pool = new BufferPool(gpu, events, this.limits, options.memoryLimit);
    this.#shared = new SharedMemory(this.#pool);
  }

  /** Opens a device with every optional feature the kernels can use and the adapter's own limits. */
  static async open(adapter: GPUAdapter, options: DeviceOptions = {}): Promise<Device> {
    expectOptions('Device.open', options, DEVICE_OPTIONS);
    const gpu = await requestDevice(adapter, options);
    const shortLoops = options.shortLoops ?? (!options.portableKernels && (await prefersShortLoops(gpu)));
    return new Device(gpu, { ...options, shortLoops });
  }

  /** The adapter's own name. */
  get name(): string {
    return this.info.description || this.info.device || this.info.vendor || 'a WebGPU adapter';
  }

  /** What the device is, in a line. */
  toString(): string {
    const { liveBytes, liveBuffers } = this.memory();
    return `Device on ${this.name}, ${liveBytes} bytes in ${liveBuffers} buffers`;
  }

  /** What `JSON.stringify` keeps of it. */
  toJSON(): object {
    return { adapter: this.name, memory: this.memory() };
  }

  /** For `console.log` in Node. */
  [INSPECT](): string {
    return this.toString();
  }

  /** A view of at least `bytes` bytes with unspecified contents, owned by the innermost open scope. */
  allocate(bytes: number, label?: string): BufferView {
    if (this.#recorder) return this.#recorder.allocate(bytes, label);
    return this.#poisoned(this.#pool.allocate(bytes, label));
  }

  /**
   * Like `allocate`, but of no scope: parameters, caches, what outlives every scope. Released by `release`, or when
   * nobody refers to it any more. Inside a recording it is allocated at once and is not part of the recording.
   */
  allocatePersistent(bytes: number, label?: string): BufferView {
    return this.#poisoned(this.#pool.allocate(bytes, label, true));
  }

  /** Gives memory back before its scope closes. */
  release(view: BufferView): void {
    this.#pool.release(view);
  }

  /** `using scope = device.scope()`: what is allocated until the end of the block is released there. */
  scope(): Scope {
    return this.#pool.scope();
  }

  /** Destroys the buffers kept for reuse. */
  emptyCache(): void {
    this.#pool.trim();
  }

  /** How much memory is in use, and for what. */
  memory(): MemoryReport {
    return this.#pool.report();
  }

  /** What was done so far. */
  counters(): DeviceCounters {
    return { ...this.#batch.counters, reads: this.#reads, pipelines: this.#pipelines.size };
  }

  /** Appends one dispatch. `params` are written by name; unknown or missing names do not compile. */
  launch<Buffer extends string, Param extends string>(
    kernel: Kernel<Buffer, Param>,
    buffers: Readonly<Record<Buffer, BufferView>>,
    params: Readonly<Record<Param, Scalar>>,
    workgroups: Workgroups,
  ): void {
    const [x, y = 1, z = 1] = workgroups;
    if (x * y * z === 0) return;
    const most = this.gpu.limits.maxComputeWorkgroupsPerDimension;
    if (x > most || y > most || z > most) {
      throw new GpuError(
        `${kernel.name}: ${x} × ${y} × ${z} workgroups, of ${most} along a dimension at most`,
        {
          code: 'GRID_TOO_LARGE',
          where: kernel.name,
          fix: 'use smaller tensors, or launch the kernel on a linearGrid',
        },
      );
    }
    const plain = kernel as unknown as Kernel;
    for (const name of kernel.bufferNames)
      assertLive(buffers[name], kernel.name, `the buffer bound as '${name}'`);
    const targets: PooledBuffer[] = [];
    for (const [i, name] of kernel.bufferNames.entries()) {
      const view = buffers[name];
      if (!kernel.written[i]) this.#onRead?.(view, name);
      else if (view.buffer !== this.#faults?.view.buffer) {
        noteWrite(view);
        targets.push(view.buffer);
      }
    }
    const pipeline = this.#pipelines.pipeline(plain, this.#recorder ? 'fixed' : 'dynamic');
    if (this.#recorder) {
      this.#recorder.commands.push({
        kind: 'dispatch',
        kernel: plain,
        pipeline,
        buffers,
        params,
        workgroups,
      });
      return;
    }
    const { arena } = this.#batch;
    passOn(doubtsOf(kernel.bufferNames.map((name) => buffers[name].buffer)), targets);
    this.#batch.reserve(kernel.paramBytes);
    const bindGroup = this.#pipelines.bindGroup(plain, pipeline, buffers, arena.gpu);
    const paramsOffset = kernel.paramBytes > 0 ? arena.addParams(plain, params) : undefined;
    const launch = { kernel: plain, buffers, params, workgroups };
    this.#batch.dispatch({ pipeline, bindGroup, paramsOffset, launch });
  }

  /** Compiles a kernel without launching it; what is wrong with it, if anything. */
  compile(kernel: Kernel): Promise<string | undefined> {
    return this.#pipelines.compile(kernel);
  }

  /** What identifies the recording being made, if commands are being recorded instead of run. */
  get recording(): object | undefined {
    return this.#recorder?.identity;
  }

  /**
   * Freezes the launches, copies and uploads made by `body` instead of running them; the first `replay` runs them.
   * What `body` allocates belongs to the recording, and of that only the views it returns have lasting contents: those
   * of the latest replay. What it binds from outside must outlive the recording.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a body may return nothing
  record(body: () => readonly BufferView[] | void): Recording {
    this.#refuseInRecording();
    const recorder = new Recorder(this.#pool);
    const scope = this.scope();
    this.#recorder = recorder;
    let outputs: readonly BufferView[];
    try {
      outputs = body() ?? [];
      for (const view of outputs) assertLive(view, 'record', 'a returned tensor');
      for (const { buffer } of outputs) if (!buffer.owner) this.#pool.disown(buffer);
    } finally {
      this.#recorder = undefined;
      scope[Symbol.dispose]();
    }
    return recorder.finish(outputs, {
      gpu: this.gpu,
      pool: this.#pool,
      pipelines: this.#pipelines,
      batch: this.#batch,
      shared: this.#shared,
      doubt: (place) => this.#faults?.doubt(place),
      faults: this.#faults?.view.buffer,
    });
  }

  /**
   * Runs an effect of the host that belongs to the work being encoded, such as counting steps: now, and when recording
   * also before each later replay. What it launches runs at once, before the recorded commands.
   */
  onRun(effect: () => void): void {
    this.#recorder?.effects.push(effect);
    this.outsideRecording(effect);
  }

  /** Runs `body` at once, not as a part of the recording being made. */
  outsideRecording<Result>(body: () => Result): Result {
    const recorder = this.#recorder;
    this.#recorder = undefined;
    try {
      return body();
    } finally {
      this.#recorder = recorder;
    }
  }

  /** Tells `onRead`, or nobody, of every view that a command of `body` reads, before the command. */
  watchReads<Result>(onRead: ReadWatcher | undefined, body: () => Result): Result {
    const outer = this.#onRead;
    this.#onRead = onRead;
    try {
      return body();
    } finally {
      this.#onRead = outer;
    }
  }

  /** Copies bytes into `view`, in order with the launches around it. */
  upload(view: BufferView, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = data.byteLength;
    if (bytes === 0) return;
    assertLive(view, 'upload');
    if (bytes > view.bytes) throw new RangeError(`upload of ${bytes} bytes into a view of ${view.bytes}`);
    noteWrite({ ...view, bytes });
    if (!this.#recorder) forget({ ...view, bytes });
    if (this.#recorder) {
      const copied = new Uint8Array(data.buffer, data.byteOffset, bytes).slice();
      this.#recorder.commands.push({ kind: 'upload', data: copied, target: view });
      return;
    }
    this.#batch.upload(data, { gpu: view.buffer.gpu, offset: view.offset });
  }

  /** Sets every byte of `view` to 0. */
  clear(view: BufferView): void {
    assertLive(view, 'clear');
    noteWrite(view);
    if (!this.#recorder) forget(view);
    if (this.#recorder) this.#recorder.commands.push({ kind: 'clear', target: view });
    else this.#batch.clear({ gpu: view.buffer.gpu, offset: view.offset }, view.bytes);
  }

  /** Copies the first `bytes` bytes of `source`, a multiple of 4, to `target`, which must be in another buffer. */
  copy(source: BufferView, target: BufferView, bytes: number): void {
    for (const view of [source, target]) assertLive(view, 'copy');
    if (bytes > Math.min(source.bytes, target.bytes)) {
      throw new RangeError(
        `a copy of ${bytes} bytes from a view of ${source.bytes} to one of ${target.bytes}`,
      );
    }
    this.#onRead?.({ ...source, bytes }, 'source');
    noteWrite({ ...target, bytes });
    if (!this.#recorder) passOn(doubtsOf([source.buffer]), [target.buffer]);
    if (this.#recorder) this.#recorder.commands.push({ kind: 'copy', source, target, bytes });
    else {
      const from = { gpu: source.buffer.gpu, offset: source.offset };
      this.#batch.copy(from, { gpu: target.buffer.gpu, offset: target.offset }, bytes);
    }
  }

  /**
   * Submits what is pending and returns the bytes of `view` once they are computed.
   * @throws GpuError if any earlier command failed or the device was lost.
   */
  async read(view: BufferView): Promise<ArrayBuffer> {
    assertLive(view, 'read');
    this.#refuseInRecording();
    const { doubts } = view.buffer;
    const faults = this.#faults;
    const sealed = faults?.seal();
    const size = view.bytes + (sealed?.bytes ?? 0);
    const staging = this.gpu.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyDst });
    this.#batch.copy({ gpu: view.buffer.gpu, offset: view.offset }, { gpu: staging, offset: 0 }, view.bytes);
    if (faults && sealed) {
      const list = { gpu: faults.view.buffer.gpu, offset: faults.view.offset };
      this.#batch.copy(list, { gpu: staging, offset: view.bytes }, sealed.bytes);
      this.#batch.clear(list, sealed.bytes);
    }
    this.flush();
    this.#reads += 1;
    try {
      await this.#wait(staging.mapAsync(1)).catch(async (cause: unknown) => {
        if (await this.lost()) return;
        const message = `a result could not be read: ${String(cause)}`;
        this.#failure.report('READ_FAILED', message, 'run again, or try another --adapter');
      });
      this.#failure.throwIfAny();
      const bytes = staging.getMappedRange().slice(0);
      if (sealed) faults?.settle(sealed, new Uint32Array(bytes, view.bytes));
      await throwIfRight(doubts);
      return sealed ? bytes.slice(0, view.bytes) : bytes;
    } finally {
      if (sealed) faults?.settle(sealed);
      staging.destroy();
    }
  }

  /**
   * Lets `launch` check something on the GPU, in the list of faults that it is given and at the place with this number.
   * What depends on `view` cannot be read if there is a fault: the read throws what `describe` makes of it.
   * @param key tells places in a program apart.
   * @param use whether the values themselves are wrong then, or what takes them for indices.
   */
  checked(
    { key, describe }: CheckedPlace,
    { buffer }: BufferView,
    use: 'value' | 'index',
    launch: (faults: BufferView, place: number) => void,
  ): void {
    this.#faults ??= this.outsideRecording(() => {
      const list = this.#pool.allocate(FAULT_BYTES, 'faults', true);
      this.clear(list);
      return new Faults(list);
    });
    const place = this.#faults.place(key, describe);
    launch(this.#faults.view, place);
    if (this.#recorder) {
      this.#recorder.places.add(place);
      return;
    }
    const own = new Set([this.#faults.doubt(place)]);
    if (use === 'value') passOn(own, [buffer]);
    else buffer.doubtsAsIndex = withoutDispelled(buffer.doubtsAsIndex, own);
  }

  /** Whether the adapter took the device away; tells as soon as the first failure for that reason. */
  lost(): Promise<boolean> {
    return this.#failure.isLoss();
  }

  /** Submits every pending command. */
  flush(): void {
    this.#batch.submit();
  }

  /** With the option `profile`: every dispatch so far, in order. */
  async profile(): Promise<readonly ProfiledDispatch[]> {
    this.flush();
    return (await this.#batch.profiler?.dispatches()) ?? [];
  }

  /** Waits until everything submitted has run. */
  async idle(): Promise<void> {
    this.flush();
    await this.#wait(this.gpu.queue.onSubmittedWorkDone());
    this.#failure.throwIfAny();
  }

  /** Frees everything. The device is unusable afterwards. */
  destroy(): void {
    this.#failure.expectLoss();
    this.#batch.discard();
    this.gpu.destroy();
  }

  #poisoned(view: BufferView): BufferView {
    if (!this.debug) return view;
    this.#poison ??= new Poison(this.gpu, this.#batch);
    this.#poison.fill(view);
    return view;
  }

  #refuseInRecording(): void {
    if (!this.#recorder) return;
    throw new GpuError('reads, replays and other recordings are not possible inside a recording', {
      code: 'NOT_RECORDABLE',
      where: 'record',
      fix: 'move them out of the recorded function',
    });
  }
}

/** Notes that a command writes to `view`. */
function noteWrite({ buffer, offset, bytes }: BufferView): void {
  buffer.times.note(offset, bytes);
  buffer.bounds = undefined;
}

/** Forgets the doubts about a buffer all of whose values are replaced. */
function forget({ buffer, offset, bytes }: BufferView): void {
  if (offset === 0 && bytes >= buffer.used) buffer.doubts = NO_DOUBTS;
}

/** @throws GpuError if the memory of `view` was given back to the pool. */
function assertLive(view: BufferView, where: string, what = 'the buffer'): void {
  if (!view.buffer.released) return;
  throw new GpuError(`${where}: ${what} was already released`, {
    code: 'USE_AFTER_FREE',
    where,
    fix: 'keep the tensor in an enclosing scope while it is in use',
  });
}
