/** What a device may use, and what is asked of an adapter for it. */
import { boolean, type OptionKinds, objectKind, oneOf, realOrInfinite } from '../base/arguments.ts';
import type { KernelChoices } from './kernelChoices.ts';

/**
 * As PyTorch's `set_float32_matmul_precision`: `highest` multiplies in f32; `medium` lets products round their operands
 * to f16 where the adapter multiplies these faster. Sums are f32 either way.
 */
export type MatmulPrecision = 'highest' | 'medium';

/** What a device may use, and how it checks what it does. */
export interface DeviceOptions {
  /** Use only the kernels that run on every adapter, e.g. to compare the faster ones with them. */
  readonly portableKernels?: boolean;
  /**
   * Fill fresh buffers with NaN, and let reads name the first op that made a NaN or an infinity. Slow, except for
   * what it saves.
   */
  readonly debug?: boolean;
  /** Most bytes of GPU memory to use, the pool included; what exceeds it fails with OUT_OF_MEMORY at once. */
  readonly memoryLimit?: number;
  /** Time every dispatch, for `profile`. */
  readonly profile?: boolean;
  /** Which variants of kernels to use: what the tuner measured, or what an earlier run recorded. */
  readonly kernelChoices?: KernelChoices;
  /** Take the variants of kernels that do less in a step of a loop, to the same bits. Measured unless given. */
  readonly shortLoops?: boolean;
  /** `highest` unless given. */
  readonly matmulPrecision?: MatmulPrecision;
  /** Limits below the adapter's own, for trying what a weaker adapter does. */
  readonly limits?: Partial<DeviceLimits>;
}

/** What each option takes. */
export const DEVICE_OPTIONS: OptionKinds<DeviceOptions> = {
  portableKernels: boolean,
  debug: boolean,
  memoryLimit: realOrInfinite({ min: 0 }),
  profile: boolean,
  kernelChoices: objectKind,
  shortLoops: boolean,
  matmulPrecision: oneOf(['highest', 'medium']),
  limits: objectKind,
};

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const satisfies readonly (keyof DeviceLimits)[];

/** Limits that kernels and buffers keep to, by WebGPU's names; sizes are in bytes. */
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

/** The limits to keep to: the device's own, or lower ones that were asked for. */
export const limitsOf = (device: GPUDevice, { limits }: DeviceOptions): DeviceLimits =>
  lowest(device.limits, limits);

/** A device with every optional feature that the kernels can use, and the adapter's limits or lower ones asked for. */
export function requestDevice(
  adapter: GPUAdapter,
  { matmulPrecision, profile, limits }: DeviceOptions,
): Promise<GPUDevice> {
  const useful = [
    'subgroups',
    ...(matmulPrecision === 'medium' ? ['shader-f16', 'chromium-experimental-subgroup-matrix'] : []),
    ...(profile ? ['timestamp-query'] : []),
  ];
  const requiredFeatures = useful.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  const { minUniformBufferOffsetAlignment } = adapter.limits;
  const requiredLimits = { ...lowest(adapter.limits, limits), minUniformBufferOffsetAlignment };
  return adapter.requestDevice({ requiredFeatures, requiredLimits });
}
