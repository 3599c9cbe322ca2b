/**
 * An invocation computes a block of rows × `vectors` vec4 columns of C alone, `rows` rows at a time in registers: operands
 * come straight from storage, A value by value, and nothing is shared. For the WebAssembly adapter, where an invocation is
 * scalar code: 6 rows × 2 vec4s are 12 of its 16 registers. The rows and columns that no whole tile covers are computed
 * in smaller tiles, none twice.
 */
import { defineKernel, GROUP_ARGS, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  GROUP_ROWS,
  type MatmulOptions,
  matmulInterface,
  type Operands,
  operandsOf,
  sizesOf,
  title,
} from './interface.ts';

/** Row tiles of a block, which all read the same columns of B. */
const TILES = 8;
/** Steps of K in an iteration. */
const STEPS = 4;

interface Form {
  readonly rows: number;
  readonly vectors: number;
  readonly operands: Operands;
  /** True if every tile has `vectors` columns. */
  readonly wholeTiles: boolean;
  /** True if K is a multiple of `STEPS`. */
  readonly wholeSteps: boolean;
}

const blockOf = (rows: number, grouped: boolean): number => (grouped ? GROUP_ROWS : TILES * rows);

/** Return the sizes of tiles that cover any length, the largest first. */
export const tileSizes = (largest: number): number[] =>
  [largest, 2, 1].filter((size, i) => i === 0 || size < largest);

/**
 * Return WGSL that adds the product of `rows` rows and `vectors` vec4 columns to sums, for every k. Only the largest tile takes
 * several steps at a time: the others are rare, and their code would take most of the time of compilation.
 */
const productWgsl = (rows: number, vectors: number, steps: 'many' | 'many and rest' | 'one'): string => {
  const step = (k: string): string => `
        ${unroll(vectors, (j) => `let y${j} = b[bAt + ${k} * width + ${j}];`)}
        ${unroll(rows, (i) => `let x${i} = a[a${i} + ${k}];`)}
        ${unroll(rows, (i) => unroll(vectors, (j) => `sum${i}_${j} += x${i} * y${j};`))}`;
  const one = (from: string): string => `for (var k = ${from}; k < params.K; k++) { ${step('k')} }`;
  if (steps === 'one') return one('0u');
  return `for (var k = 0u; k < wholeK; k += ${STEPS}) {
      ${unroll(STEPS, (u) => `{ ${step(`(k + ${u})`)} }`)}
    }
    ${steps === 'many' ? '' : one('wholeK')}`;
};

const kernelOf = memoize(({ rows, vectors, operands, wholeTiles, wholeSteps }: Form) => {
  const block = blockOf(rows, operands.grouped);
  const { store, locate, ...bindings } = matmulInterface(operands, { rows: block, vectors });
  const rowTiles = (wide: number) => (high: number) =>
    `
    for (; y + ${high} <= end; y += ${high}) {
    ${unroll(high, (i) => `let a${i} = (aRow + y + ${i}) * params.K;`)}
    ${unroll(high, (i) => unroll(wide, (j) => `var sum${i}_${j} = bias${j};`))}
    ${productWgsl(high, wide, high < rows || wide < vectors ? 'one' : wholeSteps ? 'many' : 'many and rest')}
    ${unroll(high, (i) => unroll(wide, (j) => `store(y + ${i}, column + ${j}, sum${i}_${j}, batch);`))}
    }`;
  const columnTiles = (wide: number) => `
  for (; column + ${wide} <= endColumn; column += ${wide}) {
    let bAt = base + column;
    ${unroll(wide, (j) => `let bias${j} = biasAt(column + ${j}, expert);`)}
    var y = row;
    ${tileSizes(rows).map(rowTiles(wide)).join('')}
  }`;
  return defineKernel({
    ...bindings,
    name: `${title(operands)} microkernel ${rows}×${4 * vectors}${wholeTiles ? '' : ' ragged'}`,
    code: `${store}
@compute @workgroup_size(1)
fn main(${GROUP_ARGS}) {${locate}
  let end = min(row + ${block}, params.M);
  let endColumn = min(firstColumn + ${vectors}, width);
  let wholeK = params.K / ${STEPS} * ${STEPS};
  var column = firstColumn;
  ${(wholeTiles ? [vectors] : tileSizes(vectors)).map(columnTiles).join('')}
}`,
  });
});

/** `rows` × (4 · `vectors`) of C at a time. */
export function microkernelVariant(rows: number, vectors: number): Variant<MatmulOptions> {
  return {
    name: `microkernel ${rows}×${4 * vectors}`,
    fits: ({ isWasm }) => isWasm,
    plan: (_, options) => {
      const operands = operandsOf(options, [1]);
      const wholeTiles = Math.ceil(options.N / 4) % vectors === 0;
      const wholeSteps = options.K % STEPS === 0;
      const kernel = kernelOf({ rows, vectors, operands, wholeTiles, wholeSteps });
      return launchOf(kernel, options, sizesOf({ rows: blockOf(rows, operands.grouped), vectors }, options));
    },
  };
}
