/**
 * The product C (M,N) = A (M,K) · B (K,N) [+ bias] [→ GELU] [+ residual] [· GELU′], row-major f32: every linear layer's forward
 * pass and the gradient of its input. Grouped, the rows of A belong to experts, each with its own B and bias. Batched,
 * many products of one shape are made at once, from as many Bs and as many As or one A that they share.
 *
 * A family of kernels: `broadcast` for software drivers, `microkernel` for WebAssembly, `tile` and `slices` for GPUs,
 * `subgroup matrix` for those with matrix units of f32, or of f16 where half precision is allowed.
 */
import type { Device } from '../../gpu/device.ts';
import { type Family, launchChosen, nextPowerOfTwo } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import { broadcastVariant, canBroadcast } from './broadcast.ts';
import { GPU_VARIANTS, gpuChoice, keepsBits, PORTABLE } from './gpuChoice.ts';
import { formOf, type MatmulOptions, operandsOf } from './interface.ts';
import { microkernelVariant } from './microkernel.ts';

export { GROUP_ROWS, type MatmulOptions } from './interface.ts';

/** All products but those of `matmulOuter`. */
export const matmulFamily: Family<MatmulOptions> = {
  name: 'matmul',
  shapeClass: (options) => {
    const { M, N, K, batches, batchInvariant } = options;
    const many = batches ? ` ×${nextPowerOfTwo(batches.count)}` : '';
    const invariant = batchInvariant ? ' batch-invariant' : '';
    return `${formOf(operandsOf(options))}${invariant} K${K} N${N} M${nextPowerOfTwo(M)}${many}`;
  },
  variants: [
    ...GPU_VARIANTS,
    broadcastVariant(16, 1, 4),
    broadcastVariant(32, 1, 1),
    broadcastVariant(32, 1, 4),
    broadcastVariant(32, 2, 1),
    broadcastVariant(32, 2, 2),
    microkernelVariant(2, 4),
    microkernelVariant(4, 2),
  ].map((variant) => ({
    ...variant,
    fits: (device, options) => keepsBits(device, options, variant.name) && variant.fits(device, options),
  })),
  portable: PORTABLE.name,
  prefer: (device, options) => {
    const { M, N, groupOfTile } = options;
    const { products } = defaultsOf(device);
    if (products === 'microkernel') return (M < 4 ? microkernelVariant(2, 4) : microkernelVariant(4, 2)).name;
    if (products === 'broadcast' && canBroadcast(device)) {
      if (M <= 16 && !groupOfTile) return broadcastVariant(16, 1, 4).name;
      const narrow = N <= 4 * device.subgroupSize;
      const depth = narrow ? 4 : 2;
      return broadcastVariant(32, narrow ? 1 : 2, depth).name;
    }
    return gpuChoice(device, options).name;
  },
};

/**
 * C = A · B with an epilogue: bias, then GELU, then residual, then the derivative of GELU. `residual`, `pre` and `geluOf` are
 * batched as C is.
 */
export function matmul(device: Device, options: MatmulOptions): void {
  launchChosen(device, matmulFamily, options);
}
