/** Options of a device, and the request of a device from an adapter. */
import { boolean, type OptionKinds, objectKind, oneOf, realOrInfinite } from '../base/arguments.ts';
import { ADAPTER_CLASSES, type AdapterClass } from './adapterClass.ts';
import type { KernelChoices } from './kernelChoices.ts';

/**
 * Precision of matrix products, like PyTorch's `set_float32_matmul_precision`. `highest` multiplies in f32. `medium` may round
 * operands to f16 if that is faster on the adapter. Sums are f32 in both.
 */
export type MatmulPrecision = 'highest' | 'medium';

/** Options of a device. */
export interface DeviceOptions {
  /** Use only the kernels that run on every adapter, e.g. to compare faster ones with them. Default: false. */
  readonly portableKernels?: boolean;
  /**
   * Fill new buffers with NaN, and let reads name the first op that made a NaN or an infinity. Slow. Default: false.
   */
  readonly debug?: boolean;
  /** Maximum bytes of GPU memory, the pool included. An allocation beyond it throws OUT_OF_MEMORY at once. */
  readonly memoryLimit?: number;
  /** Time every dispatch, for `profile`. */
  readonly profile?: boolean;
  /** Variants of kernels to use, from the tuner or from an earlier run. */
  readonly kernelChoices?: KernelChoices;
  /** Class of adapters whose default kernels to use. Default: that of the adapter. */
  readonly adapterClass?: AdapterClass;
  /** Default: `highest`. */
  readonly matmulPrecision?: MatmulPrecision;
  /** Limits below those of the adapter, to test what a weaker adapter does. */
  readonly limits?: Partial<DeviceLimits>;
}

/** The kind of each option. */
export const DEVICE_OPTIONS: OptionKinds<DeviceOptions> = {
  portableKernels: boolean,
  debug: boolean,
  memoryLimit: realOrInfinite({ min: 0 }),
  profile: boolean,
  kernelChoices: objectKind,
  adapterClass: oneOf(ADAPTER_CLASSES),
  matmulPrecision: oneOf(['highest', 'medium']),
  limits: objectKind,
};

/** WebGPU's feature that lets a kernel set the size of its subgroups. */
const SIZE_CONTROL = 'subgroup-size-control';
/** The size to set where an adapter has several: GPUs with a choice compute well with it. */
const WANTED_LANES = 32;

/** Return true if an adapter has subgroups of several sizes, and kernels set which. */
export function setsSubgroupSize({ adapterInfo: info, features }: GPUDevice): boolean {
  return features.has(SIZE_CONTROL as GPUFeatureName) && info.subgroupMinSize !== info.subgroupMaxSize;
}

/** Return the lanes per subgroup on which kernels may rely; 0 if there are none, or the driver chooses their number. */
export function subgroupSizeOf(gpu: GPUDevice): number {
  const { subgroupMinSize: min, subgroupMaxSize: max } = gpu.adapterInfo;
  if (!gpu.features.has('subgroups') || min === undefined || max === undefined) return 0;
  if (min === max) return min;
  return setsSubgroupSize(gpu) ? Math.max(min, Math.min(max, WANTED_LANES)) : 0;
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const satisfies readonly (keyof DeviceLimits)[];

/** Limits of kernels and buffers, with WebGPU's names; sizes are in bytes. */
export interface DeviceLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
}

const lowest = (own: GPUSupportedLimits, asked: Partial<DeviceLimits> = {}): DeviceLimits => {
  const values = LIMITS.map((name) => [name, Math.min(own[name], asked[name] ?? own[name])]);
  return Object.fromEntries(values) as Record<(typeof LIMITS)[number], number>;
};

/** Return the limits to use: those of the device, or lower ones from the options. */
export const limitsOf = (device: GPUDevice, { limits }: DeviceOptions): DeviceLimits =>
  lowest(device.limits, limits);

/** Request a device with every optional feature that the kernels can use, and the adapter's limits. */
export function requestDevice(
  adapter: GPUAdapter,
  { matmulPrecision, profile, limits }: DeviceOptions,
): Promise<GPUDevice> {
  const useful = [
    'subgroups',
    SIZE_CONTROL,
    'chromium-experimental-subgroup-matrix',
    ...(matmulPrecision === 'medium' ? ['shader-f16'] : []),
    ...(profile ? ['timestamp-query'] : []),
  ];
  const requiredFeatures = useful.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  const { minUniformBufferOffsetAlignment } = adapter.limits;
  const requiredLimits = { ...lowest(adapter.limits, limits), minUniformBufferOffsetAlignment };
  return adapter.requestDevice({ requiredFeatures, requiredLimits });
}
