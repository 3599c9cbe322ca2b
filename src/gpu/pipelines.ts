/** Compiled kernels and their bind groups. Each is made once. */
import { isSoftware, isWebAssembly } from './adapterClass.ts';
import type { BufferPlace, BufferView } from './buffers.ts';
import { setsSubgroupSize, subgroupSizeOf } from './deviceOptions.ts';
import type { Kernel } from './kernel.ts';

/** Maximum number of cached bind groups. On lavapipe each takes a memory mapping; Linux allows a process 65,530. */
const MAX_BIND_GROUPS = 4096;
const COMPUTE = 4;

/**
 * The offset of a dispatch's parameters: given by each dispatch, so that one bind group serves many, or fixed in the bind group.
 * A kernel has one pipeline for each place in use.
 */
export type ParamsPlace = 'fixed' | 'dynamic';

/** A kernel with the layout of its bindings, whose compilation has begun. */
export class Pipeline {
  readonly layout: GPUBindGroupLayout;
  readonly place: ParamsPlace;
  readonly id: number;
  /** Resolves to the compiler's message if the kernel is invalid, to undefined once it is compiled. */
  readonly compiled: Promise<string | undefined>;
  readonly #device: GPUDevice;
  readonly #descriptor: GPUComputePipelineDescriptor;
  #gpu: GPUComputePipeline | undefined;

  /** Begin to compile, now or in the background. @param id identifies the pipeline in keys of bind groups. */
  constructor(
    device: GPUDevice,
    kernel: Kernel,
    { place, id, ahead }: { readonly place: ParamsPlace; readonly id: number; readonly ahead: boolean },
  ) {
    this.#device = device;
    this.place = place;
    this.id = id;
    device.pushErrorScope('validation');
    const { layout, descriptor } = described(device, kernel, place);
    this.layout = layout;
    this.#descriptor = descriptor;
    if (!ahead) this.#gpu = device.createComputePipeline(descriptor);
    const invalid = device.popErrorScope();
    const compiled = ahead ? this.#compile(invalid) : invalid.then((error) => error?.message);
    // An error scope fails with the device, whose loss is told elsewhere.
    this.compiled = compiled.catch(() => undefined);
    invalid.catch(() => {});
  }

  /** True once commands can be encoded without waiting for the compiler. */
  get isReady(): boolean {
    return this.#gpu !== undefined;
  }

  /** The compiled kernel. If it is not ready, it is compiled anew, and the caller waits. */
  get gpu(): GPUComputePipeline {
    this.#gpu ??= this.#device.createComputePipeline(this.#descriptor);
    return this.#gpu;
  }

  async #compile(invalid: Promise<GPUError | null>): Promise<string | undefined> {
    try {
      const gpu = await this.#device.createComputePipelineAsync(this.#descriptor);
      this.#gpu ??= gpu;
      return (await invalid)?.message;
    } catch (error) {
      this.#makeInvalid();
      return (await invalid)?.message ?? String(error);
    }
  }

  /** Make what an invalid kernel is encoded with: commands that use it fail as a whole. */
  #makeInvalid(): void {
    if (this.#gpu) return;
    this.#device.pushErrorScope('validation');
    this.#gpu = this.#device.createComputePipeline(this.#descriptor);
    void this.#device.popErrorScope().catch(() => {});
  }
}

export class PipelineCache {
  /**
   * Place of the parameters of recorded dispatches. lavapipe makes a descriptor set, in a separate memory mapping, for every
   * dispatch with an offset of its own, which takes 20 to 40 µs. It also keeps one for every bind group, so dispatches outside
   * of recordings must share bind groups. Its second pipeline of a kernel costs 1 % of the first one.
   */
  readonly recorded: ParamsPlace;
  readonly #device: GPUDevice;
  readonly #onInvalid: (kernel: Kernel, message: string) => void;
  readonly #ahead: boolean;
  readonly #pipelines = { fixed: new Map<Kernel, Pipeline>(), dynamic: new Map<Kernel, Pipeline>() };
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  #made = 0;

  /** @param onInvalid is called with the compiler's message on an invalid kernel, some time after its first use. */
  constructor(device: GPUDevice, onInvalid: (kernel: Kernel, message: string) => void) {
    this.#device = device;
    this.#onInvalid = onInvalid;
    this.recorded = isSoftware(device.adapterInfo) ? 'fixed' : 'dynamic';
    // The compiler of this project's adapter runs on the caller's thread in any case.
    this.#ahead = !isWebAssembly(device.adapterInfo);
  }

  get size(): number {
    return this.#pipelines.fixed.size + this.#pipelines.dynamic.size;
  }

  /** Return the pipeline of a kernel. It begins to compile at the first call. */
  pipeline(kernel: Kernel, place: ParamsPlace): Pipeline {
    const pipelines = this.#pipelines[place];
    let pipeline = pipelines.get(kernel);
    if (!pipeline) {
      pipeline = this.#make(kernel, place);
      pipelines.set(kernel, pipeline);
      pipeline.compiled.then((message) => {
        if (message !== undefined) this.#onInvalid(kernel, message);
      });
    }
    return pipeline;
  }

  /** Compile a kernel in the background. Resolve to the compiler's message if it is invalid, with no other effect. */
  async compile(kernel: Kernel): Promise<string | undefined> {
    const pipelines = this.#pipelines.dynamic;
    const known = pipelines.get(kernel);
    if (known) return known.compiled;
    const pipeline = this.#make(kernel, 'dynamic');
    const message = await pipeline.compiled;
    if (message === undefined && !pipelines.has(kernel)) pipelines.set(kernel, pipeline);
    return message;
  }

  /** Return the cached bind group of these buffers with parameters in `arena`; make it if there is none. */
  bindGroup(
    kernel: Kernel,
    pipeline: Pipeline,
    views: readonly BufferView[],
    arena: GPUBuffer,
  ): GPUBindGroup {
    let key = `${pipeline.id}`;
    for (const { buffer, offset, bytes } of views) key += `,${buffer.id}:${offset}:${bytes}`;
    let bindGroup = this.#bindGroups.get(key);
    if (!bindGroup) {
      bindGroup = this.createBindGroup(kernel, pipeline, views, { gpu: arena, offset: 0 });
      if (this.#bindGroups.size >= MAX_BIND_GROUPS) this.#bindGroups.clear();
      this.#bindGroups.set(key, bindGroup);
    }
    return bindGroup;
  }

  createBindGroup(
    kernel: Kernel,
    { layout }: Pipeline,
    views: readonly BufferView[],
    params: BufferPlace,
  ): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = views.map(({ buffer, offset, bytes: size }, i) => ({
      binding: i + 1,
      resource: { buffer: buffer.gpu, offset, size },
    }));
    if (kernel.paramBytes > 0) {
      const { gpu: buffer, offset } = params;
      entries.push({ binding: 0, resource: { buffer, offset, size: kernel.paramBytes } });
    }
    return this.#device.createBindGroup({ layout, entries, label: kernel.name });
  }

  /** Drop every bind group, since a buffer that they may refer to was destroyed. */
  forgetBindGroups(): void {
    this.#bindGroups.clear();
  }

  #make(kernel: Kernel, place: ParamsPlace): Pipeline {
    return new Pipeline(this.#device, kernel, { place, id: this.#made++, ahead: this.#ahead });
  }
}

/** Return the WGSL of a kernel. Where an adapter has subgroups of several sizes, it says of which size they are. */
function sourceFor(device: GPUDevice, { wgsl, usesSubgroups }: Kernel): string {
  if (!usesSubgroups || !setsSubgroupSize(device)) return wgsl;
  const lanes = `@subgroup_size(${subgroupSizeOf(device)})`;
  return `enable subgroup_size_control;\n${wgsl.replace('@compute', `${lanes} @compute`)}`;
}

function described(
  device: GPUDevice,
  kernel: Kernel,
  place: ParamsPlace,
): { layout: GPUBindGroupLayout; descriptor: GPUComputePipelineDescriptor } {
  const entries: GPUBindGroupLayoutEntry[] = kernel.written.map((written, i) => ({
    binding: i + 1,
    visibility: COMPUTE,
    buffer: { type: written ? 'storage' : 'read-only-storage' },
  }));
  if (kernel.paramBytes > 0) {
    entries.push({
      binding: 0,
      visibility: COMPUTE,
      buffer: { type: 'uniform', hasDynamicOffset: place === 'dynamic' },
    });
  }
  const label = kernel.name;
  const layout = device.createBindGroupLayout({ entries, label });
  const module = device.createShaderModule({ code: sourceFor(device, kernel), label });
  const descriptor = {
    label,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: 'main' },
  };
  return { layout, descriptor };
}
