/**
 * Register tiles of a product, in WGSL, for a machine whose invocations are scalar code with vec4s in registers: an invocation
 * computes a block of rows × a few vec4 columns alone, straight from storage, some rows at a time. 6 rows × 2 vec4s are 12 of
 * 16 registers, with 2 for the right side and one for a value of the left side, which meets both. Rows and columns that no
 * whole tile covers are computed in smaller tiles, none twice.
 */
import { unroll } from '../gpu/kernel.ts';

/** Tiles of rows in a block. They read the same columns of the right side, which stay in the cache. */
export const BLOCK_TILES = 8;
/** Terms of the sums in an iteration of the largest tile. */
const STEPS = 4;

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
  /** True if the number of terms is a multiple of 4. */
  readonly wholeSteps: boolean;
  /** WGSL before a tile's rows, where column j is `column` + j. */
  readonly columns?: (vectors: number) => string;
  /** WGSL of what the sum of row i and column j begins with. */
  readonly start: (j: number) => string;
  /** WGSL of the value of row `y` + i in a term. */
  readonly left: (i: number, term: string) => string;
  /** WGSL of the vec4 of column j in a term. */
  readonly right: (j: number, term: string) => string;
  /** WGSL that stores a sum. */
  readonly store: (i: number, j: number, sum: string) => string;
}

/** Return the sizes of tiles that cover any length, the largest first. */
const tileSizes = (largest: number): number[] =>
  [largest, 2, 1].filter((size, i) => i === 0 || size < largest);

/** Return WGSL that adds the terms of a tile. Only the largest takes several at a time: code of the others would be long, and is rarely run. */
function sumsWgsl(
  { rows, vectors, counter, first, end, wholeSteps, left, right }: Microkernel,
  high: number,
  wide: number,
): string {
  const term = (number: string): string => `
        ${unroll(wide, (j) => `let right${j} = ${right(j, number)};`)}
        ${unroll(high, (i) => `let left${i} = ${left(i, number)};`)}
        ${unroll(high, (i) => unroll(wide, (j) => `sum${i}_${j} += left${i} * right${j};`))}`;
  const oneByOne = (from: string): string =>
    `for (var ${counter} = ${from}; ${counter} < ${end}; ${counter}++) { ${term(counter)} }`;
  if (high < rows || wide < vectors) return oneByOne(first);
  return `for (var ${counter} = ${first}; ${counter} < wholeEnd; ${counter} += ${STEPS}) {
      ${unroll(STEPS, (u) => `{ ${term(`(${counter} + ${u})`)} }`)}
    }
    ${wholeSteps ? '' : oneByOne('wholeEnd')}`;
}

/** Return WGSL that computes rows `row` to below `endRow`, and vec4 columns `firstColumn` to below `endColumn`. */
export function microkernelWgsl(kernel: Microkernel): string {
  const { rows, vectors, wholeTiles, first, end, columns, start, store } = kernel;
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
  let wholeEnd = ${first} + (${end} - ${first}) / ${STEPS} * ${STEPS};
  var column = firstColumn;
  ${(wholeTiles ? [vectors] : tileSizes(vectors)).map(columnTiles).join('')}`;
}
