/**
 * The device: compiles kernels once, batches their dispatches into few submissions, moves data in and out.
 *
 * Launching appends to the open command encoder; nothing reaches the driver until a value is read or the batch is
 * full. Kernel parameters and small uploads are staged in one arena per batch, written with a single `writeBuffer`.
 */
import { GpuError } from '../errors.ts';
import { ARENA_BYTES, Arena } from './arena.ts';
import { BufferPool, type BufferView, type MemoryReport, type Scope, USAGE } from './buffers.ts';
import type { Kernel, Scalar } from './kernel.ts';
import { type Pipeline, PipelineCache } from './pipelines.ts';

/** Uploads above this go straight to the queue instead of through the arena. */
const STAGED_UPLOAD_BYTES = 1 << 16;
const MAX_BATCH = 512;
/** Parameters of so many launches fit in an arena at any alignment, unless a kernel has over 64 of them. */
const MAX_RECORDED = ARENA_BYTES / 256;

type Workgroups = readonly [number, number?, number?];

interface Dispatch {
  readonly pipeline: Pipeline;
  readonly bindGroup: GPUBindGroup;
  readonly paramsOffset: number | undefined;
  readonly workgroups: Workgroups;
}

/** A fixed sequence of launches whose bindings and parameters are frozen; replaying it costs only encoding. */
export interface Recording extends Disposable {
  readonly dispatches: number;
  replay(): void;
}

export interface DeviceCounters {
  readonly dispatches: number;
  readonly submissions: number;
  readonly reads: number;
  readonly pipelines: number;
}

export interface DeviceOptions {
  /** Use only the kernels that run on every adapter, e.g. to compare the faster ones with them. */
  readonly portableKernels?: boolean;
}

export class Device {
  readonly gpu: GPUDevice;
  readonly info: GPUAdapterInfo;
  /** Lanes per subgroup where that number is fixed and kernels may rely on it; 0 otherwise. */
  readonly subgroupSize: number;
  readonly #pool: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #arena: Arena;
  readonly #counters = { dispatches: 0, submissions: 0, reads: 0 };
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #batched = 0;
  #recording: { readonly dispatches: Dispatch[]; readonly arena: Arena } | undefined;
  #failure: GpuError | undefined;

  private constructor(gpu: GPUDevice, options: DeviceOptions) {
    this.gpu = gpu;
    this.info = gpu.adapterInfo;
    const { subgroupMinSize: min, subgroupMaxSize: max } = this.info;
    const fixed = gpu.features.has('subgroups') && min !== undefined && min === max;
    this.subgroupSize = fixed && !options.portableKernels ? min : 0;
    this.#pipelines = new PipelineCache(gpu, (kernel, message) => {
      // The first use of an invalid pipeline may have been reported already; that says less than this does.
      if (this.#failure?.code === 'GPU_ERROR') this.#failure = undefined;
      this.#fail('KERNEL_INVALID', `kernel ${kernel.name}: ${message}`, 'report it with the adapter');
    });
    this.#pool = new BufferPool(gpu, () => this.#pipelines.forgetBindGroups());
    this.#arena = new Arena(gpu, 'arena');
    gpu.addEventListener('uncapturederror', (event) => {
      const { message } = event.error;
      if (event.error.constructor.name === 'GPUOutOfMemoryError') {
        this.#fail('OUT_OF_MEMORY', message, 'lower --batch_size, --group_size or --micro_batch_tokens');
      } else this.#fail('GPU_ERROR', message, 'report this kernel and adapter, or try another --adapter');
    });
    gpu.lost.then((lost) => {
      if (lost.reason === 'destroyed') return;
      this.#fail(
        'DEVICE_LOST',
        `the device was lost: ${lost.message}`,
        'run again; the last checkpoint is intact',
      );
    });
  }

  /** Opens a device with every optional feature the kernels can use and the adapter's own limits. */
  static async open(adapter: GPUAdapter, options: DeviceOptions = {}): Promise<Device> {
    const features = (['subgroups'] as GPUFeatureName[]).filter((feature) => adapter.features.has(feature));
    const wanted = [
      'maxBufferSize',
      'maxStorageBufferBindingSize',
      'maxStorageBuffersPerShaderStage',
      'maxComputeWorkgroupStorageSize',
      'minUniformBufferOffsetAlignment',
    ] as const;
    const requiredLimits = Object.fromEntries(wanted.map((limit) => [limit, adapter.limits[limit]]));
    return new Device(await adapter.requestDevice({ requiredFeatures: features, requiredLimits }), options);
  }

  /** A view of at least `bytes` bytes with unspecified contents, owned by the innermost open scope. */
  allocate(bytes: number): BufferView {
    return this.#pool.allocate(bytes);
  }

  /** Like `allocate`, but owned by the caller alone: parameters, caches, what outlives every scope. */
  allocatePersistent(bytes: number): BufferView {
    return this.#pool.allocate(bytes, true);
  }

  release(view: BufferView): void {
    this.#pool.release(view);
  }

  /** `using scope = device.scope()`: what is allocated until the end of the block is released there. */
  scope(): Scope {
    return this.#pool.scope();
  }

  /** Destroys the buffers kept for reuse. */
  emptyCache(): void {
    this.flush();
    this.#pool.trim();
  }

  memory(): MemoryReport {
    return this.#pool.report();
  }

  counters(): DeviceCounters {
    return { ...this.#counters, pipelines: this.#pipelines.size };
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
    const plain = kernel as unknown as Kernel;
    for (const name of kernel.bufferNames)
      assertLive(buffers[name], kernel.name, `the buffer bound as '${name}'`);
    const pipeline = this.#pipelines.pipeline(plain);
    const recording = this.#recording;
    if (recording) {
      if (recording.dispatches.length >= MAX_RECORDED) {
        throw new GpuError(`a recording holds at most ${MAX_RECORDED} launches`, {
          code: 'RECORDING_FULL',
          where: kernel.name,
          fix: 'record fewer launches, in several recordings',
        });
      }
      const bindGroup = this.#pipelines.createBindGroup(plain, pipeline, buffers, recording.arena.gpu);
      const paramsOffset = kernel.paramBytes > 0 ? recording.arena.addParams(plain, params) : undefined;
      recording.dispatches.push({ pipeline, bindGroup, paramsOffset, workgroups });
      return;
    }
    this.#reserve(kernel.paramBytes);
    const bindGroup = this.#pipelines.bindGroup(plain, pipeline, buffers, this.#arena.gpu);
    const paramsOffset = kernel.paramBytes > 0 ? this.#arena.addParams(plain, params) : undefined;
    this.#encode({ pipeline, bindGroup, paramsOffset, workgroups });
  }

  /**
   * Freezes the launches made by `body` instead of running them. What `body` allocates belongs to the recording; what
   * it binds from outside must outlive it. Uploads and copies cannot be recorded.
   */
  record(body: () => void): Recording {
    if (this.#recording) throw new Error('record: recordings do not nest');
    const arena = new Arena(this.gpu, 'recording');
    const dispatches: Dispatch[] = [];
    const held = this.#pool.hold();
    const free = (): void => {
      held[Symbol.dispose]();
      arena.gpu.destroy();
    };
    this.#recording = { dispatches, arena };
    let complete = false;
    try {
      body();
      complete = true;
    } finally {
      this.#recording = undefined;
      held.leave();
      if (!complete) free();
    }
    arena.write();
    return {
      dispatches: dispatches.length,
      replay: () => {
        this.#refuseInRecording();
        this.#reserve(0);
        for (const dispatch of dispatches) this.#encode(dispatch);
      },
      [Symbol.dispose]: () => {
        this.flush();
        free();
      },
    };
  }

  /** Copies bytes into `view`, in order with the launches around it. */
  upload(view: BufferView, data: ArrayBufferView<ArrayBuffer>): void {
    const bytes = data.byteLength;
    if (bytes === 0) return;
    assertLive(view, 'upload');
    this.#refuseInRecording();
    if (bytes > view.bytes) throw new RangeError(`upload of ${bytes} bytes into a view of ${view.bytes}`);
    if (bytes > STAGED_UPLOAD_BYTES) {
      this.flush();
      this.gpu.queue.writeBuffer(view.buffer.gpu, view.offset, data.buffer, data.byteOffset, bytes);
      return;
    }
    this.#reserve(bytes);
    const offset = this.#arena.addBytes(data);
    this.#copyEncoder().copyBufferToBuffer(
      this.#arena.gpu,
      offset,
      view.buffer.gpu,
      view.offset,
      Math.ceil(bytes / 4) * 4,
    );
  }

  /** Sets every byte of `view` to 0. */
  clear(view: BufferView): void {
    assertLive(view, 'clear');
    this.#copyEncoder().clearBuffer(view.buffer.gpu, view.offset, view.bytes);
  }

  /** Copies `source` to `target`, which must be as long and in another buffer. */
  copy(source: BufferView, target: BufferView): void {
    for (const view of [source, target]) assertLive(view, 'copy');
    this.#copyEncoder().copyBufferToBuffer(
      source.buffer.gpu,
      source.offset,
      target.buffer.gpu,
      target.offset,
      Math.min(source.bytes, target.bytes),
    );
  }

  /**
   * Submits what is pending and returns the bytes of `view` once they are computed.
   * @throws GpuError if any earlier command failed or the device was lost.
   */
  async read(view: BufferView): Promise<ArrayBuffer> {
    assertLive(view, 'read');
    const staging = this.gpu.createBuffer({ size: view.bytes, usage: USAGE.mapRead | USAGE.copyDst });
    this.#copyEncoder().copyBufferToBuffer(view.buffer.gpu, view.offset, staging, 0, view.bytes);
    this.flush();
    this.#counters.reads += 1;
    try {
      await staging.mapAsync(1).catch((cause: unknown) => {
        this.#fail(
          'READ_FAILED',
          `a result could not be read: ${String(cause)}`,
          'run again, or try another --adapter',
        );
      });
      if (this.#failure) throw this.#failure;
      return staging.getMappedRange().slice(0);
    } finally {
      staging.destroy();
    }
  }

  /** Submits every pending command. */
  flush(): void {
    this.#endPass();
    if (!this.#encoder) return;
    this.#arena.write();
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.#encoder = undefined;
    this.#arena.reset();
    this.#batched = 0;
    this.#counters.submissions += 1;
  }

  /** Waits until everything submitted has run. */
  async idle(): Promise<void> {
    this.flush();
    await this.gpu.queue.onSubmittedWorkDone();
    if (this.#failure) throw this.#failure;
  }

  /** Frees everything. The device is unusable afterwards. */
  destroy(): void {
    this.#endPass();
    this.#encoder = undefined;
    this.gpu.destroy();
  }

  #fail(code: string, message: string, fix: string): void {
    this.#failure ??= new GpuError(message, { code, where: this.info.description || 'device', fix });
  }

  /** Makes room for `bytes` in the arena, submitting the batch if it is full. */
  #reserve(bytes: number): void {
    if (!this.#arena.hasRoom(bytes) || this.#batched >= MAX_BATCH) this.flush();
  }

  #encode({ pipeline, bindGroup, paramsOffset, workgroups }: Dispatch): void {
    this.#encoder ??= this.gpu.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    this.#pass.setPipeline(pipeline.gpu);
    if (paramsOffset === undefined) this.#pass.setBindGroup(0, bindGroup);
    else this.#pass.setBindGroup(0, bindGroup, [paramsOffset]);
    this.#pass.dispatchWorkgroups(...(workgroups as [number, number, number]));
    this.#batched += 1;
    this.#counters.dispatches += 1;
  }

  #copyEncoder(): GPUCommandEncoder {
    this.#refuseInRecording();
    this.#endPass();
    this.#encoder ??= this.gpu.createCommandEncoder();
    return this.#encoder;
  }

  #refuseInRecording(): void {
    if (!this.#recording) return;
    throw new GpuError('uploads, copies, reads and replays are not possible inside a recording', {
      code: 'NOT_RECORDABLE',
      where: 'record',
      fix: 'move them out of the recorded function',
    });
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
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
