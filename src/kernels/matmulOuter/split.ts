/** The division of a transposed product's long sum into parts. It follows from the shape and the class of the adapter alone. */
import type { Device } from '../../gpu/device.ts';
import { defaultsOf } from '../defaults.ts';
import { SPLIT_ROWS } from './interface.ts';

/** Workgroups that fill a GPU: a few for each of some dozens of cores. */
const WORKGROUPS = 256;
/** Rows of a part on a GPU: fewer cost more to add than to multiply; of more, the roundings would grow. */
const LEAST_ROWS = 64;
const MOST_ROWS = 1024;
/** Rows that a tile takes at once. */
const STEP = 16;

/** A product (M,R)·(R,N), and the number of groups whose rows are divided one by one, if there are any. */
export interface OuterShape {
  readonly R: number;
  readonly M: number;
  readonly N: number;
  readonly groups?: number | undefined;
}

/** The parts of all groups, the rows of one where all have as many, and the parts of a group. */
export interface Split {
  readonly count: number;
  readonly partRows: number;
  readonly splits: number;
}

/** Return the number of square tiles of so many rows and columns. */
export const tilesOf = (side: number, { M, N }: Pick<OuterShape, 'M' | 'N'>): number =>
  Math.ceil(M / side) * Math.ceil(N / side);

/** Return the side of the tiles for a GPU: 64, or 32 where larger tiles would not fill it. */
export function tileSide({ R, M, N, groups = 1 }: OuterShape): 32 | 64 {
  const parts = Math.max(groups, Math.floor(R / LEAST_ROWS));
  return M >= 64 && N >= 64 && tilesOf(64, { M, N }) * parts >= WORKGROUPS ? 64 : 32;
}

/** Return the division into parts: of `SPLIT_ROWS` rows on a CPU, enough to fill the machine with tiles on a GPU. */
export function splitOf(device: Pick<Device, 'adapterClass'>, shape: OuterShape): Split {
  const { R, groups } = shape;
  if (defaultsOf(device).products !== 'tile') {
    const splits = groups === undefined ? Math.ceil(R / SPLIT_ROWS) : 1;
    return { count: (groups ?? 1) * splits, partRows: SPLIT_ROWS, splits };
  }
  const rows = Math.ceil(R / (groups ?? 1));
  const wanted = Math.ceil(WORKGROUPS / (tilesOf(tileSide(shape), shape) * (groups ?? 1)));
  const even = Math.ceil(rows / wanted / STEP) * STEP;
  const partRows = Math.min(Math.max(even, LEAST_ROWS), MOST_ROWS);
  const splits = Math.max(1, Math.ceil(rows / partRows));
  return { count: (groups ?? 1) * splits, partRows, splits };
}
