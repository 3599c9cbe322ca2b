/**
 * The product C (M,N) = A (M,K) · B (K,N) [+ bias] [→ GELU] [+ residual], row-major f32: every linear layer's forward
 * pass and the gradient of its input. Grouped, the rows of A belong to experts, each with its own B and bias. Batched,
 * many products of one shape are made at once, from as many Bs and as many As or one A that they share.
 *
 * A family of kernels: `broadcast` for software drivers, `microkernel` for WebAssembly, `tile` and `registers` for GPUs,
 * `subgroup matrix` for those with matrix units where half precision is allowed.
 */
import type { Device } from '../../gpu/device.ts';
import { type Family, launchChosen, nextPowerOfTwo } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import { broadcastVariant, canBroadcast } from './broadcast.ts';
import { type MatmulOptions, operandsOf } from './interface.ts';
import { microkernelVariant } from './microkernel.ts';
import { registersVariant } from './registers.ts';
import { subgroupMatrixVariant } from './subgroupMatrix.ts';
import { tileVariant } from './tile.ts';

export { GROUP_ROWS, type MatmulOptions } from './interface.ts';

/** The variant that runs on every adapter. */
const PORTABLE = { rows: 32, columns: 32, threadRows: 4, threadVectors: 1 };
/** The default tile on GPUs that have not been tuned. */
const LARGE = { rows: 64, columns: 64, threadRows: 4, threadVectors: 1 };
const HUGE = { rows: 128, columns: 64, threadRows: 8, threadVectors: 1 };

/** All products but those of `matmulOuter`. */
export const matmulFamily: Family<MatmulOptions> = {
  name: 'matmul',
  shapeClass: (options) => {
    const { epilogue, grouped } = operandsOf(options);
    const { M, N, K, batches } = options;
    const many = batches ? ` ×${nextPowerOfTwo(batches.count)}` : '';
    return `${epilogue}${grouped ? ' grouped' : ''} K${K} N${N} M${nextPowerOfTwo(M)}${many}`;
  },
  variants: [
    tileVariant(PORTABLE),
    tileVariant({ rows: 32, columns: 64, threadRows: 4, threadVectors: 2 }),
    tileVariant(LARGE),
    tileVariant({ rows: 64, columns: 64, threadRows: 8, threadVectors: 2 }),
    tileVariant(HUGE),
    tileVariant({ rows: 128, columns: 64, threadRows: 8, threadVectors: 2 }),
    tileVariant({ ...HUGE, f16: true }),
    registersVariant(4, 1),
    registersVariant(8, 2),
    broadcastVariant(16, 1, 4),
    broadcastVariant(32, 1, 1),
    broadcastVariant(32, 1, 4),
    broadcastVariant(32, 2, 1),
    broadcastVariant(32, 2, 2),
    microkernelVariant(2, 4),
    microkernelVariant(4, 2),
    subgroupMatrixVariant(32, 32),
    subgroupMatrixVariant(64, 64),
  ],
  portable: tileVariant(PORTABLE).name,
  prefer: (device, { M, N, groupOfTile }) => {
    const { products } = defaultsOf(device);
    if (products === 'microkernel') return (M < 4 ? microkernelVariant(2, 4) : microkernelVariant(4, 2)).name;
    if (products === 'broadcast' && canBroadcast(device)) {
      if (M <= 16 && !groupOfTile) return broadcastVariant(16, 1, 4).name;
      const narrow = N <= 4 * device.subgroupSize;
      const depth = narrow ? 4 : 2;
      return broadcastVariant(32, narrow ? 1 : 2, depth).name;
    }
    if (M < 256 || N < 64) return tileVariant(PORTABLE).name;
    return tileVariant(M >= 1024 && N >= 256 ? HUGE : LARGE).name;
  },
};

/** C = A · B with an epilogue: bias, then GELU, then residual. `residual` and `pre` are batched as C is. */
export function matmul(device: Device, options: MatmulOptions): void {
  launchChosen(device, matmulFamily, options);
}
