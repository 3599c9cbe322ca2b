/** The variants of the product for GPUs, and which of them an untuned GPU uses for a shape. */
import type { Device } from '../../gpu/device.ts';
import type { Variant } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import type { MatmulOptions } from './interface.ts';
import { type Slices, slicesVariant } from './slices.ts';
import { subgroupMatrixVariant } from './subgroupMatrix.ts';
import { type MatmulTile, tileVariant } from './tile.ts';

/** Workgroups that fill a GPU: a few for each of some dozens of cores. */
const WORKGROUPS = 256;
/** Rows that small tiles do not keep busy, though there are enough of them. */
const FEW_ROWS = 128;

const SQUARE = { rows: 32, columns: 32, threadRows: 4, threadVectors: 1, step: 32 } as const;
const WIDE = { rows: 32, columns: 64, threadRows: 4, threadVectors: 2, step: 16 } as const;
/** Tiles of 4 or 8 rows to a thread, the larger of each first. */
const LARGE = {
  4: [{ rows: 64, columns: 64, threadRows: 4, threadVectors: 2, step: 16 }],
  8: [
    { rows: 128, columns: 64, threadRows: 8, threadVectors: 2, step: 16 },
    { rows: 64, columns: 64, threadRows: 8, threadVectors: 2, step: 16 },
  ],
} as const;
/** For few rows, and for very few. */
const FEW: Slices = { rows: 16, threadRows: 4, threadVectors: 1, slices: 8 };
const SINGLE: Slices = { rows: 4, threadRows: 4, threadVectors: 1, slices: 32 };

/**
 * Tiles that divide K alike, so that a value of C has the same bits in each: few rows for few workgroups, many for many. Eight
 * slices of four values keep threads busy from K = 32 on.
 */
const INVARIANT: readonly Slices[] = [
  { rows: 32, threadRows: 8, threadVectors: 1, slices: 8 },
  FEW,
  { rows: 4, threadRows: 4, threadVectors: 1, slices: 8 },
];

/** The variant that runs on every adapter. */
export const PORTABLE = tileVariant(SQUARE);

/** The candidates of the tuner. */
export const GPU_VARIANTS: readonly Variant<MatmulOptions>[] = [
  PORTABLE,
  ...[WIDE, ...LARGE[4], ...LARGE[8]].map(tileVariant),
  tileVariant({ ...LARGE[8][0], f16: true }),
  ...INVARIANT.map(slicesVariant),
  slicesVariant(SINGLE),
  slicesVariant({ rows: 64, threadRows: 8, threadVectors: 2, slices: 1 }),
  subgroupMatrixVariant('f32'),
  subgroupMatrixVariant('f16'),
];

const INVARIANT_NAMES = new Set(INVARIANT.map((form) => slicesVariant(form).name));

/** Return true if this variant may compute these operands: a batch-invariant product on a GPU has one order of sums alone. */
export const keepsBits = (device: Device, { batchInvariant }: MatmulOptions, name: string): boolean =>
  !batchInvariant ||
  device.portableKernels ||
  defaultsOf(device).products !== 'tile' ||
  INVARIANT_NAMES.has(name);

/**
 * Return the largest tile that fills the GPU and of whose columns a quarter at most is past the last one; if none does, divide K
 * as well. Units for matrices are left to the tuner, which compares their results: Dawn's extension is an experiment.
 */
export function gpuChoice(device: Device, options: MatmulOptions): Variant<MatmulOptions> {
  const { M, N, K, batches, groupOfTile, batchInvariant } = options;
  const count = batches?.count ?? 1;
  const workgroups = ({ rows, columns }: Pick<MatmulTile, 'rows' | 'columns'>): number =>
    Math.ceil(M / rows) * Math.ceil(N / columns) * count;
  if (batchInvariant) {
    const fitting = INVARIANT.filter((form) => slicesVariant(form).fits(device, options));
    const filling = fitting.find(({ rows }) => workgroups({ rows, columns: 32 }) >= WORKGROUPS);
    const form = filling ?? fitting.at(-1);
    return form ? slicesVariant(form) : PORTABLE;
  }
  const wide = N / (Math.ceil(N / 64) * 64) >= 0.75;
  const tiles = [...(groupOfTile ? [] : LARGE[defaultsOf(device).threadRows]), WIDE];
  const tile = wide ? tiles.find((each) => workgroups(each) >= WORKGROUPS) : undefined;
  if (tile) return tileVariant(tile);
  if (M * count > FEW_ROWS && workgroups(SQUARE) >= WORKGROUPS) return PORTABLE;
  const few = workgroups({ rows: FEW.rows, columns: 32 });
  const form = M <= SINGLE.rows || (few < 64 && K >= 4 * SINGLE.slices) ? SINGLE : FEW;
  return [slicesVariant(form), slicesVariant(FEW)].find(({ fits }) => fits(device, options)) ?? PORTABLE;
}
