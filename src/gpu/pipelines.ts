/** Compiled kernels and their bind groups. Each is made once. */
import type { BufferPlace, BufferView } from './buffers.ts';
import { setsSubgroupSize, subgroupSizeOf } from './deviceOptions.ts';
import type { Kernel } from './kernel.ts';

/** Maximum number of cached bind groups. On lavapipe each takes a memory mapping; Linux allows a process 65,530. */
const MAX_BIND_GROUPS = 4096;
const COMPUTE = 4;

export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly id: number;
}

/**
 * The offset of a dispatch's parameters: fixed in its bind group, as in recordings, or given by each dispatch, so that one bind
 * group serves many. lavapipe makes a descriptor set, in a separate memory mapping, for every dispatch with such an offset.
 * It also keeps one for every bind group, so dispatches outside of recordings must share bind groups.
 */
export type ParamsPlace = 'fixed' | 'dynamic';

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #onInvalid: (kernel: Kernel, message: string) => void;
  readonly #pipelines = { fixed: new Map<Kernel, Pipeline>(), dynamic: new Map<Kernel, Pipeline>() };
  readonly #bindGroups = new Map<string, GPUBindGroup>();

  /** @param onInvalid is called with the compiler's message on an invalid kernel, some time after its first use. */
  constructor(device: GPUDevice, onInvalid: (kernel: Kernel, message: string) => void) {
    this.#device = device;
    this.#onInvalid = onInvalid;
  }

  get size(): number {
    return this.#pipelines.fixed.size + this.#pipelines.dynamic.size;
  }

  pipeline(kernel: Kernel, place: ParamsPlace): Pipeline {
    const pipelines = this.#pipelines[place];
    let pipeline = pipelines.get(kernel);
    if (!pipeline) {
      this.#device.pushErrorScope('validation');
      pipeline = this.#create(kernel, place);
      pipelines.set(kernel, pipeline);
      this.#device.popErrorScope().then((error) => {
        if (error) this.#onInvalid(kernel, error.message);
      });
    }
    return pipeline;
  }

  /** Compile a kernel asynchronously. Resolve to the compiler's message if it is invalid, with no other effect. */
  async compile(kernel: Kernel): Promise<string | undefined> {
    const pipelines = this.#pipelines.dynamic;
    if (pipelines.has(kernel)) return undefined;
    this.#device.pushErrorScope('validation');
    const { layout, descriptor } = this.#describe(kernel, 'dynamic');
    const invalid = this.#device.popErrorScope();
    try {
      const gpu = await this.#device.createComputePipelineAsync(descriptor);
      const error = await invalid;
      if (error) return error.message;
      if (!pipelines.has(kernel)) pipelines.set(kernel, { gpu, layout, id: this.size });
      return undefined;
    } catch (error) {
      return (await invalid)?.message ?? String(error);
    }
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

  /** Return the WGSL of a kernel. Where an adapter has subgroups of several sizes, it says of which size they are. */
  #source({ wgsl, usesSubgroups }: Kernel): string {
    if (!usesSubgroups || !setsSubgroupSize(this.#device)) return wgsl;
    const lanes = `@subgroup_size(${subgroupSizeOf(this.#device)})`;
    return `enable subgroup_size_control;\n${wgsl.replace('@compute', `${lanes} @compute`)}`;
  }

  #create(kernel: Kernel, place: ParamsPlace): Pipeline {
    const { layout, descriptor } = this.#describe(kernel, place);
    return { gpu: this.#device.createComputePipeline(descriptor), layout, id: this.size };
  }

  #describe(
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
    const layout = this.#device.createBindGroupLayout({ entries, label });
    const module = this.#device.createShaderModule({ code: this.#source(kernel), label });
    const descriptor = {
      label,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    };
    return { layout, descriptor };
  }
}
