/** Limits of the adapter and of its devices. */

/** Limits whose lower values are the better ones. */
const ALIGNMENTS = ['minUniformBufferOffsetAlignment', 'minStorageBufferOffsetAlignment'] as const;

type LimitName = Exclude<keyof GPUSupportedLimits, '__brand'>;
type Limits = Readonly<Record<LimitName, number>>;

/** A limit that earlier editions of WebGPU's types have. */
const EARLIER = { maxInterStageShaderComponents: 0 };

/** Textures, samplers and vertices do not exist. Bindings and sizes are limited by WebAssembly's addresses of 32 bits. */
const ADAPTER: Limits = {
  ...EARLIER,
  maxTextureDimension1D: 0,
  maxTextureDimension2D: 0,
  maxTextureDimension3D: 0,
  maxTextureArrayLayers: 0,
  maxBindGroups: 1,
  maxBindGroupsPlusVertexBuffers: 1,
  maxBindingsPerBindGroup: 1000,
  maxDynamicUniformBuffersPerPipelineLayout: 16,
  maxDynamicStorageBuffersPerPipelineLayout: 16,
  maxSampledTexturesPerShaderStage: 0,
  maxSamplersPerShaderStage: 0,
  maxStorageBuffersPerShaderStage: 64,
  maxStorageBuffersInVertexStage: 0,
  maxStorageBuffersInFragmentStage: 0,
  maxStorageTexturesPerShaderStage: 0,
  maxStorageTexturesInVertexStage: 0,
  maxStorageTexturesInFragmentStage: 0,
  maxUniformBuffersPerShaderStage: 16,
  maxUniformBufferBindingSize: 65_536,
  maxStorageBufferBindingSize: 2 ** 31 - 256,
  minUniformBufferOffsetAlignment: 32,
  minStorageBufferOffsetAlignment: 32,
  maxVertexBuffers: 0,
  maxBufferSize: 2 ** 31,
  maxVertexAttributes: 0,
  maxVertexBufferArrayStride: 0,
  maxInterStageShaderVariables: 0,
  maxColorAttachments: 0,
  maxColorAttachmentBytesPerSample: 0,
  maxComputeWorkgroupStorageSize: 32_768,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxImmediateSize: 0,
};

/** Limits of a device that asks for none (WebGPU, section 3.6.2), where they are below the adapter's. */
const DEFAULTS: Partial<Limits> = {
  maxDynamicUniformBuffersPerPipelineLayout: 8,
  maxDynamicStorageBuffersPerPipelineLayout: 4,
  maxStorageBuffersPerShaderStage: 8,
  maxUniformBuffersPerShaderStage: 12,
  maxStorageBufferBindingSize: 134_217_728,
  minUniformBufferOffsetAlignment: 256,
  minStorageBufferOffsetAlignment: 256,
  maxBufferSize: 268_435_456,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
};

const supported = (limits: Partial<Limits>): GPUSupportedLimits => ({
  __brand: 'GPUSupportedLimits',
  ...ADAPTER,
  ...limits,
});

/** Return the adapter's limits. */
export const adapterLimits = (): GPUSupportedLimits => supported({});

const isAlignment = (name: LimitName): boolean => ALIGNMENTS.some((each) => each === name);
const isLimit = (name: string): name is LimitName => name in ADAPTER;

/** Return the limits of a device that requires some. @throws DOMException for one that the adapter has not. */
export function deviceLimits(required: GPUDeviceDescriptor['requiredLimits'] = {}): GPUSupportedLimits {
  const limits: Partial<Record<LimitName, number>> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(required)) {
    if (value === undefined) continue;
    if (!isLimit(name)) throw new DOMException(`there is no limit '${name}'`, 'OperationError');
    const own = ADAPTER[name];
    if (isAlignment(name) ? value < own : value > own)
      throw new DOMException(`${name} of ${value} is required; this adapter has ${own}`, 'OperationError');
    const least = limits[name] ?? own;
    limits[name] = isAlignment(name) ? Math.min(value, least) : Math.max(value, least);
  }
  return supported(limits);
}
