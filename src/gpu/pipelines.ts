/** Compiled kernels and their bind groups, each made once. */
import type { Range } from './batch.ts';
import type { BufferView } from './buffers.ts';
import type { Kernel } from './kernel.ts';

/** Each takes a mapping of memory on lavapipe, of which Linux allows a process 65,530. */
const MAX_BIND_GROUPS = 4096;
const COMPUTE = 4;

export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly id: number;
}

export type Bindings = Readonly<Record<string, BufferView>>;

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #onInvalid: (kernel: Kernel, message: string) => void;
  readonly #pipelines = new Map<Kernel, Pipeline>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();

  /** `onInvalid` hears the compiler's words about a kernel that is not valid, some time after its first use. */
  constructor(device: GPUDevice, onInvalid: (kernel: Kernel, message: string) => void) {
    this.#device = device;
    this.#onInvalid = onInvalid;
  }

  get size(): number {
    return this.#pipelines.size;
  }

  pipeline(kernel: Kernel): Pipeline {
    let pipeline = this.#pipelines.get(kernel);
    if (!pipeline) {
      this.#device.pushErrorScope('validation');
      pipeline = this.#create(kernel);
      this.#pipelines.set(kernel, pipeline);
      this.#device.popErrorScope().then((error) => {
        if (error) this.#onInvalid(kernel, error.message);
      });
    }
    return pipeline;
  }

  /** Compiles a kernel beside other work, if it is valid; else what the compiler says, without any other consequence. */
  async compile(kernel: Kernel): Promise<string | undefined> {
    if (this.#pipelines.has(kernel)) return undefined;
    this.#device.pushErrorScope('validation');
    const { layout, descriptor } = this.#describe(kernel);
    const invalid = this.#device.popErrorScope();
    try {
      const gpu = await this.#device.createComputePipelineAsync(descriptor);
      const error = await invalid;
      if (error) return error.message;
      if (!this.#pipelines.has(kernel))
        this.#pipelines.set(kernel, { gpu, layout, id: this.#pipelines.size });
      return undefined;
    } catch (error) {
      return (await invalid)?.message ?? String(error);
    }
  }

  /** The bind group of these buffers and parameters, remembered for the next launch that binds the same. */
  bindGroup(kernel: Kernel, pipeline: Pipeline, buffers: Bindings, params: Range): GPUBindGroup {
    let key = `${pipeline.id}@${params.offset}`;
    for (const name of kernel.bufferNames) {
      const { buffer, offset, bytes } = buffers[name] as BufferView;
      key += `,${buffer.id}:${offset}:${bytes}`;
    }
    let bindGroup = this.#bindGroups.get(key);
    if (!bindGroup) {
      bindGroup = this.createBindGroup(kernel, pipeline, buffers, params);
      if (this.#bindGroups.size >= MAX_BIND_GROUPS) this.#bindGroups.clear();
      this.#bindGroups.set(key, bindGroup);
    }
    return bindGroup;
  }

  /**
   * A bind group with the parameters at a fixed place. With a dynamic offset one group would do for many launches, but
   * lavapipe makes a descriptor set for every one of them then, each in a mapping of its own.
   */
  createBindGroup(kernel: Kernel, { layout }: Pipeline, buffers: Bindings, params: Range): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = kernel.bufferNames.map((name, i) => {
      const { buffer, offset, bytes: size } = buffers[name] as BufferView;
      return { binding: i + 1, resource: { buffer: buffer.gpu, offset, size } };
    });
    if (kernel.paramBytes > 0) {
      const { gpu: buffer, offset } = params;
      entries.push({ binding: 0, resource: { buffer, offset, size: kernel.paramBytes } });
    }
    return this.#device.createBindGroup({ layout, entries, label: kernel.name });
  }

  /** Forgets every bind group, because a buffer they may hold is gone. */
  forgetBindGroups(): void {
    this.#bindGroups.clear();
  }

  #create(kernel: Kernel): Pipeline {
    const { layout, descriptor } = this.#describe(kernel);
    return { gpu: this.#device.createComputePipeline(descriptor), layout, id: this.#pipelines.size };
  }

  #describe(kernel: Kernel): { layout: GPUBindGroupLayout; descriptor: GPUComputePipelineDescriptor } {
    const entries: GPUBindGroupLayoutEntry[] = kernel.written.map((written, i) => ({
      binding: i + 1,
      visibility: COMPUTE,
      buffer: { type: written ? 'storage' : 'read-only-storage' },
    }));
    if (kernel.paramBytes > 0) {
      entries.push({ binding: 0, visibility: COMPUTE, buffer: { type: 'uniform' } });
    }
    const label = kernel.name;
    const layout = this.#device.createBindGroupLayout({ entries, label });
    const module = this.#device.createShaderModule({ code: kernel.wgsl, label });
    const descriptor = {
      label,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    };
    return { layout, descriptor };
  }
}
