/**
 * An adapter that computes nothing: it takes every command, and reads give zeros. Dispatches and kernels of a model of any size
 * are counted with it in milliseconds, for adapters that are not at hand as well.
 */

/** A kernel and the workgroups that it was dispatched with. */
export interface CountedDispatch {
  /** The kernel's name. */
  readonly kernel: string;
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
  /** Bytes of the bound storage buffers: the traffic if each is read or written once. */
  readonly bytes: number;
}

/** An adapter to pretend. */
export interface Pretended {
  readonly info: Partial<GPUAdapterInfo>;
  readonly features: ReadonlySet<string>;
  readonly limits: GPUSupportedLimits;
}

/** An adapter that counts. */
export interface CountingAdapter {
  readonly adapter: GPUAdapter;
  /** Return the dispatches since the last call, in the order of their encoding. */
  readonly take: () => readonly CountedDispatch[];
}

/** WebGPU's limits of an adapter that offers no more than every adapter does (section 3.6.2), as far as compute shaders need them. */
const DEFAULT_LIMITS = {
  maxBufferSize: 268_435_456,
  maxStorageBufferBindingSize: 134_217_728,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
};

/** Return a GPU with WebGPU's default limits, except for the size of buffers, and subgroups of `lanes` lanes; 0 for none. */
export function plainGpu(lanes: number): Pretended {
  const large = { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 - 256 };
  return {
    info: {
      ...{ vendor: '', architecture: '', device: '', isFallbackAdapter: false },
      description: lanes > 0 ? `a GPU with subgroups of ${lanes}` : 'a GPU without subgroups',
      ...(lanes > 0 ? { subgroupMinSize: lanes, subgroupMaxSize: lanes } : {}),
    },
    features: new Set(lanes > 0 ? ['subgroups'] : []),
    limits: { ...DEFAULT_LIMITS, ...large } as unknown as GPUSupportedLimits,
  };
}

/** A buffer whose memory is made when it is read. */
const bufferOf = ({ size }: GPUBufferDescriptor) => ({
  size,
  destroy() {},
  unmap() {},
  async mapAsync() {},
  getMappedRange: (_ = 0, bytes = size) => new ArrayBuffer(bytes),
});

interface CountedPipeline {
  readonly label: string;
  readonly wgsl: string;
}

/** Add up the storage buffers of a bind group: binding 0 is that of the parameters. */
const bindGroupOf = ({ entries }: GPUBindGroupDescriptor) => ({
  bytes: [...entries].reduce((total, { binding, resource }) => {
    const size = binding > 0 && 'size' in resource ? (resource.size ?? 0) : 0;
    return total + size;
  }, 0),
});

function encoderInto(dispatches: CountedDispatch[]) {
  let pipeline: CountedPipeline | undefined;
  let bytes = 0;
  const pass = {
    setPipeline(next: CountedPipeline) {
      pipeline = next;
    },
    setBindGroup(_: number, group: ReturnType<typeof bindGroupOf>) {
      bytes = group.bytes;
    },
    dispatchWorkgroups(x: number, y = 1, z = 1) {
      const { label: kernel = '', wgsl = '' } = pipeline ?? {};
      dispatches.push({ kernel, wgsl, workgroups: [x, y, z], bytes });
    },
    end() {},
  };
  return {
    beginComputePass: () => pass,
    copyBufferToBuffer() {},
    clearBuffer() {},
    finish: () => ({}),
  };
}

/** Make an adapter that pretends to be another one and computes nothing. */
export function countingAdapter({ info, features, limits }: Pretended): CountingAdapter {
  const dispatches: CountedDispatch[] = [];
  const pipelineOf = ({ label = '', compute }: GPUComputePipelineDescriptor): CountedPipeline => {
    const { code } = compute.module as unknown as { readonly code: string };
    return { label, wgsl: code };
  };
  const device = (enabled: Iterable<string>) => ({
    ...{ adapterInfo: info, features: new Set(enabled), limits },
    lost: new Promise(() => {}),
    queue: { submit() {}, writeBuffer() {}, async onSubmittedWorkDone() {} },
    addEventListener() {},
    pushErrorScope() {},
    popErrorScope: async () => null,
    createBuffer: bufferOf,
    createBindGroup: bindGroupOf,
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createShaderModule: ({ code }: GPUShaderModuleDescriptor) => ({ code }),
    createComputePipeline: pipelineOf,
    createComputePipelineAsync: async (descriptor: GPUComputePipelineDescriptor) => pipelineOf(descriptor),
    createCommandEncoder: () => encoderInto(dispatches),
    destroy() {},
  });
  const adapter = {
    ...{ info, features, limits },
    requestDevice: async ({ requiredFeatures = [] }: GPUDeviceDescriptor = {}) => device(requiredFeatures),
  };
  return {
    adapter: adapter as unknown as GPUAdapter,
    take: () => dispatches.splice(0),
  };
}
