/** What a device may use, and what is asked of an adapter for it. */
import type { KernelChoices } from './variants.ts';

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
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'minUniformBufferOffsetAlignment',
] as const;

/** A device with every optional feature that the kernels can use, and the adapter's own limits. */
export function requestDevice(
  adapter: GPUAdapter,
  { matmulPrecision, profile }: DeviceOptions,
): Promise<GPUDevice> {
  const useful = [
    'subgroups',
    ...(matmulPrecision === 'medium' ? ['shader-f16', 'chromium-experimental-subgroup-matrix'] : []),
    ...(profile ? ['timestamp-query'] : []),
  ];
  const requiredFeatures = useful.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  return adapter.requestDevice({ requiredFeatures, requiredLimits });
}
