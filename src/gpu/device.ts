// The shipped types name Disposable, which the lib setting of whoever uses them may lack.
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The device: its memory, its compiled kernels, and the commands that run on it.
 *
 * Commands are checked (commands.ts) and go to a sink: into the open batch (immediate.ts), where nothing reaches the driver
 * until a value is read or the batch is full, or into a recording (recorder.ts).
 */
import { expectOptions } from '../base/arguments.ts';
import { INSPECT } from '../base/inspection.ts';
import { type AdapterClass, adapterClass } from './adapterClass.ts';
import type { BufferView, MemoryReport, Scope } from './buffers.ts';
import { assertLive, type CheckedUse, type ReadWatcher } from './commands.ts';
import {
  DEVICE_OPTIONS,
  type DeviceLimits,
  type DeviceOptions,
  limitsOf,
  type MatmulPrecision,
  requestDevice,
  subgroupSizeOf,
} from './deviceOptions.ts';
import type { CheckedPlace } from './faults.ts';
import { type AnyBindings, gridOf, type Kernel, type Scalar, type Workgroups } from './kernel.ts';
import { type KernelChoices, shippedChoices } from './kernelChoices.ts';
import { type DeviceParts, makeParts } from './parts.ts';
import type { ProfiledDispatch } from './profiler.ts';
import type { JointRead } from './reader.ts';
import { record } from './recorder.ts';
import type { Recording } from './recording.ts';

export type { DeviceLimits, DeviceOptions, JointRead, MatmulPrecision, ReadWatcher, Recording };

/** Counts since the device was opened. */
export interface DeviceCounters {
  readonly dispatches: number;
  readonly submissions: number;
  readonly reads: number;
  readonly pipelines: number;
}

/** A GPU with its memory, its compiled kernels and the commands it has yet to be sent. */
export class Device {
  readonly gpu: GPUDevice;
  readonly info: GPUAdapterInfo;
  /** Options that it was opened with. */
  readonly options: DeviceOptions;
  /** Limits that kernels and buffers keep to. */
  readonly limits: DeviceLimits;
  /** The class whose default kernels are used. */
  readonly adapterClass: AdapterClass;
  /** Lanes per subgroup where kernels may rely on that number, since the adapter fixes it or lets kernels set it; 0 otherwise. */
  readonly subgroupSize: number;
  /** True if only kernels that run on every adapter are used. */
  readonly portableKernels: boolean;
  /** True for the WebAssembly adapter: an invocation is scalar code with vec4s in registers, and barriers are expensive. */
  readonly isWasm: boolean;
  /** True if products may round their operands to f16. */
  readonly halfProducts: boolean;
  /** Names of the variants of kernels in use, by family and shape class. */
  readonly chosen = new Map<string, string>();
  /** True if fresh memory is poisoned and results are checked. */
  readonly debug: boolean;
  readonly #parts: DeviceParts;
  #choices: KernelChoices;

  private constructor(gpu: GPUDevice, options: DeviceOptions) {
    this.gpu = gpu;
    this.info = gpu.adapterInfo;
    this.options = options;
    this.limits = limitsOf(gpu, options);
    this.adapterClass = options.adapterClass ?? adapterClass(this.info);
    this.portableKernels = options.portableKernels ?? false;
    this.subgroupSize = this.portableKernels ? 0 : subgroupSizeOf(gpu);
    this.isWasm = this.info.architecture === 'wasm';
    this.halfProducts = options.matmulPrecision === 'medium' && gpu.features.has('shader-f16');
    this.#choices = { ...shippedChoices(this.info), ...options.kernelChoices };
    this.debug = options.debug ?? false;
    this.#parts = makeParts(gpu, this.limits, options);
  }

  /** Open a device with every optional feature the kernels can use and the adapter's own limits. */
  static async open(adapter: GPUAdapter, options: DeviceOptions = {}): Promise<Device> {
    expectOptions('Device.open', options, DEVICE_OPTIONS);
    const gpu = await requestDevice(adapter, options);
    return new Device(gpu, options);
  }

  /** The adapter's own name. */
  get name(): string {
    return this.info.description || this.info.device || this.info.vendor || 'a WebGPU adapter';
  }

  /** Variants of kernels asked for: those shipped for the adapter, replaced by those given. */
  get choices(): KernelChoices {
    return this.#choices;
  }

  /** Ask for further variants. Shape classes for which a variant is in use keep it as long as the device. */
  choose(choices: KernelChoices): void {
    this.#choices = { ...this.#choices, ...choices };
  }

  /** Describe the device in a line. */
  toString(): string {
    const { liveBytes, liveBuffers } = this.memory();
    return `Device on ${this.name}, ${liveBytes} bytes in ${liveBuffers} buffers`;
  }

  /** Return what `JSON.stringify` keeps of it. */
  toJSON(): object {
    return { adapter: this.name, memory: this.memory() };
  }

  /** Describe it for `console.log` in Node. */
  [INSPECT](): string {
    return this.toString();
  }

  /** Allocate a view of at least `bytes` bytes with unspecified contents, owned by the innermost open scope. */
  allocate(bytes: number, label?: string): BufferView {
    return this.#parts.commands.sink.allocate(bytes, label);
  }

  /**
   * Allocate a view that belongs to no scope: parameters, caches, what outlives every scope. Released by `release`, or
   * when nobody refers to it any more. Inside a recording it is allocated at once and is not part of the recording.
   */
  allocatePersistent(bytes: number, label?: string): BufferView {
    return this.#parts.immediate.allocate(bytes, label, true);
  }

  /** Give memory back before its scope closes. */
  release(view: BufferView): void {
    this.#parts.pool.release(view);
  }

  /** `using scope = device.scope()`: what is allocated until the end of the block is released there. */
  scope(): Scope {
    return this.#parts.pool.scope();
  }

  /** Destroy the buffers kept for reuse. */
  emptyCache(): void {
    this.#parts.pool.trim();
    this.#parts.reader.staging.trim();
  }

  /** Report how much memory is in use, and for what. */
  memory(): MemoryReport {
    return { ...this.#parts.pool.report(), stagingBytes: this.#parts.reader.staging.bytes };
  }

  /** Return the counts so far. */
  counters(): DeviceCounters {
    const { batch, pipelines } = this.#parts;
    return { ...batch.counters, reads: this.#parts.reader.reads, pipelines: pipelines.size };
  }

  /**
   * Append one dispatch. `params` are written by name; unknown or missing names do not compile. `workgroups` can be left
   * out where they follow from the kernel's parameters.
   */
  launch<Bindings extends AnyBindings, Param extends string>(
    kernel: Kernel<Bindings, Param>,
    buffers: NoInfer<Bindings>,
    params: Readonly<Record<Param, Scalar>>,
    workgroups: Workgroups = gridOf(kernel, params),
  ): void {
    this.#parts.commands.launch({ kernel, buffers, params, workgroups });
  }

  /** Compile a kernel without launching it. Returns the compiler's message if the kernel is invalid. */
  compile(kernel: Kernel): Promise<string | undefined> {
    return this.#parts.pipelines.compile(kernel);
  }

  /** Identifies the recording being made, if commands are being recorded instead of run. */
  get recording(): object | undefined {
    return this.#parts.commands.sink.recording;
  }

  /**
   * Record the launches, copies and uploads of `body` instead of running them; the first `replay` runs them. Buffers that
   * `body` allocates belong to the recording, and only the returned views keep their contents, those of the latest replay.
   * Buffers from outside must outlive the recording.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a body may return nothing
  record(body: () => readonly BufferView[] | void): Recording {
    return record(this.#parts.commands, this.#parts, body);
  }

  /**
   * Run an effect of the host that belongs to the work being encoded, such as counting steps: now, and when recording
   * also before each later replay. What it launches runs at once, before the recorded commands.
   */
  onRun(effect: () => void): void {
    this.#parts.commands.onRun(effect);
  }

  /** Run `body` at once, not as a part of the recording being made. */
  outsideRecording<Result>(body: () => Result): Result {
    return this.#parts.commands.outsideRecording(body);
  }

  /** Tell `onRead`, or nobody, of every view that a command of `body` reads, before the command. */
  watchReads<Result>(onRead: ReadWatcher | undefined, body: () => Result): Result {
    return this.#parts.commands.watchReads(onRead, body);
  }

  /** Copy bytes into `view`, in order with the launches around it. */
  upload(view: BufferView, data: ArrayBufferView<ArrayBuffer>): void {
    this.#parts.commands.upload(view, data);
  }

  /** Set every byte of `view` to 0. */
  clear(view: BufferView): void {
    this.#parts.commands.clear(view);
  }

  /** Copy the first `bytes` bytes of `source`, a multiple of 4, to `target`, which must be in another buffer. */
  copy(source: BufferView, target: BufferView, bytes: number): void {
    this.#parts.commands.copy(source, target, bytes);
  }

  /**
   * Submit what is pending and return the bytes of `view` once they are computed.
   * @throws GpuError if any earlier command failed or the device was lost.
   */
  async read(view: BufferView): Promise<ArrayBuffer> {
    assertLive(view, 'read');
    this.#parts.commands.refuseInRecording();
    return this.#parts.reader.read(view);
  }

  /** Begin to read several results that arrive together: it takes one wait, and counts as one read. */
  readTogether(): JointRead {
    const read = this.#parts.reader.together();
    return {
      add: async (view) => {
        assertLive(view, 'read');
        this.#parts.commands.refuseInRecording();
        return read.add(view);
      },
      finish: () => read.finish(),
    };
  }

  /**
   * Let `launch` check something on the GPU. It gets the list of faults and the number of its place there. After a fault, reads
   * of values that depend on `view` throw the error that `describe` returns.
   * @param key identifies the place in the program.
   * @param use tells if a fault affects the values themselves, or results that use them as indices.
   */
  checked(
    { key, describe }: CheckedPlace,
    { buffer }: BufferView,
    use: CheckedUse,
    launch: (faults: BufferView, place: number) => void,
  ): void {
    const { faults } = this.#parts;
    const place = faults.place(key, describe);
    launch(faults.view, place);
    this.#parts.commands.sink.check(place, buffer, use);
  }

  /** Resolve to true if the adapter took the device away; tells as soon as the first failure for that reason. */
  lost(): Promise<boolean> {
    return this.#parts.failure.isLoss();
  }

  /** Submit every pending command, as soon as its kernels are compiled. */
  flush(): void {
    this.#parts.batch.submit();
  }

  /** Return every dispatch so far, in order. Needs the option `profile`. */
  async profile(): Promise<readonly ProfiledDispatch[]> {
    await this.#submitted();
    return (await this.#parts.batch.profiler?.dispatches()) ?? [];
  }

  /** Wait until everything submitted has run. @throws GpuError if any command failed. */
  async idle(): Promise<void> {
    await this.#submitted();
    await this.#parts.wait(this.gpu.queue.onSubmittedWorkDone());
    this.#parts.failure.throwIfAny();
  }

  /** Submit every pending command, and wait until all of them are with the driver. */
  async #submitted(): Promise<void> {
    const { batch, wait } = this.#parts;
    batch.submit();
    if (batch.submitted) await wait(batch.submitted);
  }

  /** Free everything. The device is unusable afterwards. */
  destroy(): void {
    this.#parts.failure.expectLoss();
    this.#parts.batch.discard();
    this.gpu.destroy();
  }
}
