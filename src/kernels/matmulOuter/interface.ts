/** Operands, parts and order of tiles, which all variants of the transposed product share. */
import type { BufferView } from '../../gpu/buffers.ts';
import { GROUP_INDEX, linearGrid } from '../../gpu/kernel.ts';

/** Values of a part: the product, then the column sums of A, in whole vec4s. */
export const partSize = (M: number, N: number): number => M * N + Math.ceil(M / 4) * 4;

/** Rows of A and B that one part sums over, where the number of parts does not depend on the tiles. */
export const SPLIT_ROWS = 512;
/** Rows that a column sum takes in one after the other: it has many terms and no products to hide their roundings. */
export const COLUMN_SUM_ROWS = 32;

/** Operands of the kernel that makes the parts. */
export interface OuterOptions {
  /** f32 (R,M), or with `oneHotScale` u32 ids (R). */
  readonly a: BufferView;
  /** (R,N), N a multiple of 4. */
  readonly b: BufferView;
  /** (parts, `partSize`): of each part the product and the column sums of A. */
  readonly parts: BufferView;
  readonly count: number;
  readonly columnSums: boolean;
  readonly R: number;
  readonly M: number;
  readonly N: number;
  readonly oneHotScale?: number | undefined;
  /** Where the rows are divided evenly: rows of a part. */
  readonly partRows: number;
  /** Where they belong to groups: first and end row of each, u32 (groups,2), and the parts that it is divided into. */
  readonly ranges?: BufferView | undefined;
  readonly splits?: number | undefined;
}

/** Form of a kernel, beside its tile. */
export interface OuterOperands {
  readonly oneHot: boolean;
  readonly grouped: boolean;
  /** M is a multiple of 4, so that A is read as vec4s. */
  readonly wide: boolean;
}

/** Return the form of the kernel for these options. */
export const outerOperands = ({ oneHotScale, ranges, M }: OuterOptions): OuterOperands => ({
  oneHot: oneHotScale !== undefined,
  grouped: ranges !== undefined,
  wide: oneHotScale === undefined && M % 4 === 0,
});

/** `matmulOuter one-hot grouped` */
export const title = ({ oneHot, grouped }: OuterOperands): string =>
  `matmulOuter${oneHot ? ' one-hot' : ''}${grouped ? ' grouped' : ''}`;

/** Of C per workgroup: rows, and columns in vec4s. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
}

/** Return the parameters and workgroups of a launch with such tiles. */
export function sizesOf(tile: Tile, options: OuterOptions) {
  const { R, M, N, oneHotScale, columnSums, count, partRows, splits = 1 } = options;
  return {
    params: {
      R,
      M,
      N,
      scale: oneHotScale ?? 1,
      columnSums: columnSums ? 1 : 0,
      parts: count,
      partVectors: partSize(M, N) / 4,
      partRows,
      splits,
    },
    workgroups: linearGrid(Math.ceil(M / tile.rows) * Math.ceil(N / 4 / tile.vectors) * count),
  };
}

/**
 * Declarations; `loadA(r, m)`, four scalars A[r, m … m + 3], 0 past M and in rows from `end` on; the functions that
 * store, the column sums of four rows at a time; and `locate`, which finds the workgroup's tile and the rows it sums over.
 */
export function outerInterface({ oneHot, grouped, wide }: OuterOperands, tile: Tile) {
  return {
    params: {
      R: 'u32',
      M: 'u32',
      N: 'u32',
      scale: 'f32',
      columnSums: 'u32',
      parts: 'u32',
      partVectors: 'u32',
      partRows: 'u32',
      splits: 'u32',
    },
    flops: ({ R, M, N }: Readonly<Record<'R' | 'M' | 'N', number>>) => 2 * R * M * N,
    reads: {
      a: oneHot ? 'array<u32>' : wide ? 'array<vec4f>' : 'array<f32>',
      b: 'array<vec4f>',
      ranges: grouped ? 'array<vec2u>' : undefined,
    },
    writes: { parts: 'array<vec4f>' },
    functions: `
fn loadA(r: u32, m: u32, end: u32) -> vec4f {
  let at = min(r, end - 1);
  let columns = m + vec4u(0, 1, 2, 3);
  let valid = columns < vec4u(select(0u, params.M, r < end));
  ${
    oneHot
      ? 'return select(vec4f(), vec4f(params.scale), valid & (vec4u(a[at]) == columns));'
      : wide
        ? 'return select(vec4f(), a[(at * params.M + min(m, params.M - 4)) / 4], valid);'
        : `let first = at * params.M + min(columns, vec4u(params.M - 1));
  return select(vec4f(), vec4f(a[first.x], a[first.y], a[first.z], a[first.w]), valid);`
  }
}
fn loadB(r: u32, column: u32, end: u32) -> vec4f {
  let width = params.N / 4;
  return select(vec4f(), b[min(r, end - 1) * width + min(column, width - 1)], r < end);
}
fn store(part: u32, row: u32, column: u32, value: vec4f) {
  if (row < params.M && column * 4 < params.N) {
    parts[part * params.partVectors + row * (params.N / 4) + column] = value;
  }
}
fn storeColumnSums(part: u32, row: u32, value: vec4f) {
  if (row < params.M) { parts[part * params.partVectors + params.M * (params.N / 4) + row / 4] = value; }
}`,
    // Groups are numbered by rows, then columns, then parts.
    locate: `
  let rowTiles = (params.M + ${tile.rows - 1}) / ${tile.rows};
  let columnTiles = (params.N / 4 + ${tile.vectors - 1}) / ${tile.vectors};
  let row = ${GROUP_INDEX} % rowTiles * ${tile.rows};
  let firstColumn = ${GROUP_INDEX} / rowTiles % columnTiles * ${tile.vectors};
  let part = ${GROUP_INDEX} / rowTiles / columnTiles;
  if (part >= params.parts) { return; }
  ${
    grouped
      ? `let range = ranges[part / params.splits];
  let share = (range.y - range.x + params.splits - 1) / params.splits;
  let rows = min(vec2u(range.x) + (part % params.splits + vec2u(0, 1)) * share, range.yy);`
      : 'let rows = min((part + vec2u(0, 1)) * params.partRows, vec2u(params.R));'
  }`,
  } as const;
}
