/**
 * The transposed product that gives gradients of weights: C (M,N) += Aᵀ·B with A (R,M), B (R,N), and optionally
 * d (M) += the column sums of A, which is the gradient of the bias. The long sum over R is split into parts whose results
 * are added in a fixed order by a second kernel, so that few columns still fill the machine and the result has the same bits
 * every time. On GPUs the number of parts follows from the number of tiles: see split.ts.
 *
 * A can also be one-hot: given as R ids it stands for A[r, m] = (id[r] = m) · scale, which makes the gradient of an
 * embedding without atomics. Grouped, the parts belong to the row ranges of experts and each expert has a C of its own.
 */
import { type BufferView, MIN_VIEW_BYTES } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { type Family, launchChosen, nextPowerOfTwo } from '../../gpu/variants.ts';
import { addParts, allocateParts, releaseParts } from '../addParts.ts';
import { defaultsOf } from '../defaults.ts';
import { canBroadcast } from '../matmul/broadcast.ts';
import { broadcastVariant } from './broadcast.ts';
import { type OuterOptions, outerOperands, partSize, title } from './interface.ts';
import { microkernelVariant } from './microkernel.ts';
import { scatterVariant } from './scatter.ts';
import { type OuterShape, splitOf, tileSide } from './split.ts';
import { tileVariant } from './tile.ts';

/** The variant that runs on every adapter. */
const PORTABLE = tileVariant({ rows: 32, columns: 32, threadRows: 4, threadVectors: 1 });
/** Tiles for shapes that fill a GPU with them, of 4 or 8 rows to a thread. */
const LARGE = {
  4: tileVariant({ rows: 64, columns: 64, threadRows: 4, threadVectors: 2 }),
  8: tileVariant({ rows: 64, columns: 64, threadRows: 8, threadVectors: 2 }),
};

/** The kernels that make the parts. */
export const matmulOuterFamily: Family<OuterOptions> = {
  name: 'matmulOuter',
  shapeClass: (options) => {
    const kind = title(outerOperands(options)).replace('matmulOuter', '').trim();
    return `${kind ? `${kind} ` : ''}M${options.M} N${options.N} R${nextPowerOfTwo(options.R)}`;
  },
  variants: [
    PORTABLE,
    LARGE[4],
    LARGE[8],
    tileVariant({ rows: 32, columns: 64, threadRows: 4, threadVectors: 2 }),
    tileVariant({ rows: 128, columns: 64, threadRows: 8, threadVectors: 2 }),
    broadcastVariant(1, 1),
    broadcastVariant(1, 2),
    broadcastVariant(2, 1),
    broadcastVariant(2, 2),
    microkernelVariant(2, 4),
    microkernelVariant(4, 2),
    scatterVariant,
  ],
  portable: PORTABLE.name,
  prefer: (device, { R, M, N, count, splits = 1, ranges, oneHotScale }) => {
    const { products, threadRows } = defaultsOf(device);
    if (products === 'microkernel')
      return oneHotScale === undefined ? microkernelVariant(4, 2).name : scatterVariant.name;
    if (products === 'broadcast' && canBroadcast(device)) {
      return broadcastVariant(N <= 4 * device.subgroupSize ? 1 : 2, 2).name;
    }
    const groups = ranges && count / splits;
    return tileSide({ R, M, N, groups }) === 64 ? LARGE[threadRows].name : PORTABLE.name;
  },
};

export interface MatmulOuterOptions {
  /** f32 (R,M), or with `oneHotScale` u32 ids (R). */
  readonly a: BufferView;
  /** (R,N), N a multiple of 4. */
  readonly b: BufferView;
  /** (M,N), or (groups,M,N): added to. */
  readonly c: BufferView;
  /** (M), or (groups,M): added to. */
  readonly columnSums?: BufferView | undefined;
  readonly R: number;
  readonly M: number;
  readonly N: number;
  readonly oneHotScale?: number | undefined;
  /** First and end row of each group: u32 (groups,2). */
  readonly ranges?: { readonly view: BufferView; readonly groups: number } | undefined;
}

/** Return the bytes of the parts of a product. */
export const outerPartBytes = (device: Device, shape: OuterShape): number =>
  splitOf(device, shape).count * partSize(shape.M, shape.N) * 4;

/** C += Aᵀ · B, and the column sums of A. */
export function matmulOuter(device: Device, options: MatmulOuterOptions): void {
  const { a, b, c, columnSums, R, M, N, oneHotScale, ranges } = options;
  if (N % 4 !== 0) throw new Error(`matmulOuter: N = ${N} must be a multiple of 4`);
  if (R === 0) return;
  const { count, partRows, splits } = splitOf(device, { R, M, N, groups: ranges?.groups });
  const stride = partSize(M, N);
  // As many parts at a time as a binding holds; those of groups are no more than C.
  const most = ranges
    ? count
    : Math.max(1, Math.floor(device.limits.maxStorageBufferBindingSize / 4 / stride));
  const bytes = Math.min(count, most) * stride * 4;
  const parts = count <= most ? allocateParts(device, bytes) : device.allocate(bytes);
  for (let part = 0; part < count; part += most) {
    const made = Math.min(most, count - part);
    const first = ranges ? 0 : part * partRows;
    const rows = ranges ? R : Math.min(R - first, made * partRows);
    launchChosen(device, matmulOuterFamily, {
      ...{ parts, M, N, oneHotScale, R: rows, count: made, partRows, splits },
      a: rowsOf(a, first, rows, oneHotScale === undefined ? M : 1),
      b: rowsOf(b, first, rows, N),
      columnSums: columnSums !== undefined,
      ranges: ranges?.view,
    });
    addParts(device, {
      parts,
      count: ranges ? splits : made,
      stride,
      first: c,
      size: M * N,
      second: columnSums,
      secondSize: M,
      groups: ranges?.groups ?? 1,
    });
  }
  releaseParts(device, parts);
}

/** Rows of a matrix of so many columns, from row `first` on. */
const rowsOf = (
  { buffer, offset, bytes }: BufferView,
  first: number,
  rows: number,
  columns: number,
): BufferView => ({
  buffer,
  offset: offset + first * columns * 4,
  bytes: first === 0 ? bytes : Math.max(MIN_VIEW_BYTES, rows * columns * 4),
});
