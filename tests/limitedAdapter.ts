/** An adapter that has less than another one, or says that it is another kind: what browsers and GPUs offer that are not here. */
import { type OpenAdapterOptions, openAdapter } from '../src/gpu/node.ts';

/** Limits that every adapter of WebGPU has, with those that kernels and buffers keep to. */
export const WEBGPU_LIMITS = {
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
} as const;

export interface Limited {
  /** Replaces parts of the information on the adapter. */
  readonly info?: Partial<GPUAdapterInfo>;
  /** Called with each new device, e.g. to replace its methods. */
  readonly onDevice?: (gpu: GPUDevice) => void;
}

/** An adapter of a GPU that is not known. */
export const UNKNOWN_GPU = { vendor: '', architecture: '', device: '', description: 'a GPU' } as const;

/** Open an adapter without optional features and with WebGPU's default limits. */
export async function openLimitedAdapter(
  options: OpenAdapterOptions,
  { info = UNKNOWN_GPU, onDevice }: Limited = {},
): Promise<GPUAdapter> {
  const { adapter } = await openAdapter(options);
  const { minUniformBufferOffsetAlignment, minStorageBufferOffsetAlignment } = adapter.limits;
  const changed = { ...infoOf(adapter.info), ...info };
  const limited: Pick<GPUAdapter, 'info' | 'features' | 'limits' | 'requestDevice'> = {
    info: changed as GPUAdapterInfo,
    features: new Set(),
    limits: {
      ...WEBGPU_LIMITS,
      minUniformBufferOffsetAlignment,
      minStorageBufferOffsetAlignment,
    } as GPUSupportedLimits,
    requestDevice: async (descriptor) => {
      const gpu = await adapter.requestDevice(descriptor);
      Object.defineProperty(gpu, 'adapterInfo', { value: changed });
      onDevice?.(gpu);
      return gpu;
    },
  };
  return limited as GPUAdapter;
}

/** Return an adapter's information as a plain object, without the sizes of subgroups. */
function infoOf({ vendor, architecture, device, description }: GPUAdapterInfo) {
  return { vendor, architecture, device, description, isFallbackAdapter: false };
}
