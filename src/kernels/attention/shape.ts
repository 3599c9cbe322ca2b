/** The shapes and operands of attention, common to all its kernels. */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Launch } from '../../gpu/kernel.ts';
import { type Kernel, linearGrid } from '../../gpu/kernel.ts';

/** Number of rows of a tile. All rows of a tile belong to one sequence. */
export const ATTENTION_TILE_ROWS = 32;

export interface AttentionShape {
  /** Tokens in all sequences. */
  readonly R: number;
  /** Query heads. */
  readonly heads: number;
  /** Key-value heads, a divisor of `heads`. */
  readonly kvHeads: number;
  /** Size of a head, a multiple of 4. */
  readonly headDim: number;
  /** ALiBi slopes (heads); without them scores have no such term. */
  readonly slopes?: BufferView | undefined;
  /** u32 (tiles,4): first row of the tile, first and end row of its sequence, unused. */
  readonly tiles: BufferView;
  readonly tileCount: number;
}

/** Operands of a kernel, by the names of its bindings. */
export interface AttentionOptions {
  readonly shape: AttentionShape;
  readonly buffers: Readonly<Record<string, BufferView>>;
}

/** Parameters of every kernel; the head's size is in vec4s. */
export const PARAMS = { R: 'u32', tiles: 'u32', heads: 'u32', headVectors: 'u32', scale: 'f32' } as const;

/** The launch of a kernel whose workgroups take `rows` rows of one tile and one of `headCount` heads. */
export function planOf(
  kernel: Kernel,
  rows: number,
  headCount: number,
  { shape, buffers }: AttentionOptions,
): Launch {
  const { R, heads, headDim, slopes, tiles, tileCount } = shape;
  // y numbers the heads; tiles beyond the limit of x continue along z.
  const [x, z] = linearGrid((tileCount * ATTENTION_TILE_ROWS) / rows);
  return {
    kernel,
    buffers: { ...buffers, slopes, tiles },
    params: { R, tiles: tileCount, heads, headVectors: headDim / 4, scale: 1 / Math.sqrt(headDim) },
    workgroups: [x, headCount, z],
  };
}
