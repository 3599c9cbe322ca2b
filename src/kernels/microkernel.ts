/**
 * Register tiles of a product, in WGSL, for a machine whose invocations are scalar code with vec4s in registers: an invocation
 * computes a block of rows × a few vec4 columns alone, straight from storage, some rows at a time. Rows and columns that no
 * whole tile covers are computed in smaller tiles, none twice.
 *
 * A tile has 8 sums, and an iteration one term of each. V8 of Node 20 puts the loads of a block before its arithmetic: with more
 * sums or more terms there are more values than the 16 registers hold. Measured on one thread of an AMD EPYC, Node 20, at
 * 1020×256×256 and 2040×64×64, in GFLOP/s:
 *
 *   one term     4×8: 57, 57   2×16: 56, 55   3×8: 53, 56   6×8: 32, 31   3×12: 27, 27   8×4: 21, 22
 *   four terms   4×8: 34, 32   2×16: 32, 32   3×8: 34, 32   6×8: 37, 35   3×12: 35, 34   8×4: 24, 24
 */
import { unroll } from '../gpu/kernel.ts';

/** Tiles of rows in a block. They read the same columns of the right side, which stay in the cache. */
export const BLOCK_TILES = 8;
/** A product whose sums run over `counter`, and where its operands are. */
export interface Microkernel {
  /** Size of the largest tile: rows, and columns in vec4s. */
  readonly rows: number;
  readonly vectors: number;
  /** True if every tile has `vectors` columns. */
  readonly wholeTiles: boolean;
  /** The variable that numbers terms, and WGSL of the first one and the end. */
  readonly counter: string;
  readonly first: string;
  readonly end: string;
  /** WGSL before a tile's rows, where column j is `column` + j. */
  readonly columns?: (vectors: number) => string;
  /** WGSL of what the sum of row i and column j begins with. */
  readonly start: (j: number) => string;
  /** WGSL of the value of row `y` + i in a term. */
  readonly left: (i: number) => string;
  /** WGSL of the vec4 of column j in a term. */
  readonly right: (j: number) => string;
  /** WGSL that stores a sum. */
  readonly store: (i: number, j: number, sum: string) => string;
}

/** Return the sizes of tiles that cover any length, the largest first. */
const tileSizes = (largest: number): number[] =>
  [largest, 2, 1].filter((size, i) => i === 0 || size < largest);

/** Return WGSL that adds the terms of a tile. */
const sumsWgsl = (
  { counter, first, end, left, right }: Microkernel,
  high: number,
  wide: number,
): string => `for (var ${counter} = ${first}; ${counter} < ${end}; ${counter}++) {
      ${unroll(wide, (j) => `let right${j} = ${right(j)};`)}
      ${unroll(high, (i) => `let left${i} = ${left(i)};`)}
      ${unroll(high, (i) => unroll(wide, (j) => `sum${i}_${j} += left${i} * right${j};`))}
    }`;

/** Return WGSL that computes rows `row` to below `endRow`, and vec4 columns `firstColumn` to below `endColumn`. */
export function microkernelWgsl(kernel: Microkernel): string {
  const { rows, vectors, wholeTiles, columns, start, store } = kernel;
  const rowTiles = (wide: number) => (high: number) =>
    `
    for (; y + ${high} <= endRow; y += ${high}) {
    ${unroll(high, (i) => unroll(wide, (j) => `var sum${i}_${j} = ${start(j)};`))}
    ${sumsWgsl(kernel, high, wide)}
    ${unroll(high, (i) => unroll(wide, (j) => store(i, j, `sum${i}_${j}`)))}
    }`;
  const columnTiles = (wide: number) => `
  for (; column + ${wide} <= endColumn; column += ${wide}) {
    ${columns?.(wide) ?? ''}
    var y = row;
    ${tileSizes(rows).map(rowTiles(wide)).join('')}
  }`;
  return `
  var column = firstColumn;
  ${(wholeTiles ? [vectors] : tileSizes(vectors)).map(columnTiles).join('')}`;
}
