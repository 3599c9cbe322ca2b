/**
 * An invocation computes a block of rows × 2 vec4 columns of C alone, six rows at a time in registers, straight from
 * storage: a row of A gives 6 neighbouring values, a row of B both vec4s. For the WebAssembly adapter: see the variant of
 * the same name of `matmul`.
 */
import { defineKernel, GROUP_ARGS, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import { tileSizes } from '../matmul/microkernel.ts';
import {
  COLUMN_SUM_ROWS,
  type OuterOperands,
  type OuterOptions,
  outerInterface,
  outerOperands,
  sizesOf,
  title,
} from './interface.ts';

/** Row tiles of a block, which all read the same columns of B. */
const TILES = 16;
/** Rows of A and B in an iteration. */
const STEPS = 4;

interface Form {
  readonly rows: number;
  readonly vectors: number;
  readonly operands: OuterOperands;
  /** True if every tile has `vectors` columns. */
  readonly wholeTiles: boolean;
}

/** Return WGSL that adds the product of `high` columns of A and `wide` vec4 columns of B to sums, for every row. */
const productWgsl = (high: number, wide: number, many: boolean): string => {
  const step = (r: string): string => `
        ${unroll(wide, (j) => `let y${j} = panel[(${r} - rows.x) * ${wide} + ${j}];`)}
        ${unroll(high, (i) => `let x${i} = a[${r} * params.M + m + ${i}];`)}
        ${unroll(high, (i) => unroll(wide, (j) => `sum${i}_${j} += x${i} * y${j};`))}`;
  const one = (from: string): string => `for (var r = ${from}; r < rows.y; r++) { ${step('r')} }`;
  if (!many) return one('rows.x');
  return `for (var r = rows.x; r < wholeEnd; r += ${STEPS}) {
      ${unroll(STEPS, (u) => `{ ${step(`(r + ${u})`)} }`)}
    }
    ${one('wholeEnd')}`;
};

const kernelOf = memoize(({ rows, vectors, operands, wholeTiles }: Form) => {
  const block = TILES * rows;
  const { functions, locate, ...bindings } = outerInterface(operands, { rows: block, vectors });
  const rowTiles = (wide: number) => (high: number) =>
    `
    for (; m + ${high} <= end; m += ${high}) {
    ${unroll(high, (i) => unroll(wide, (j) => `var sum${i}_${j} = vec4f();`))}
    ${productWgsl(high, wide, high === rows && wide === vectors)}
    ${unroll(high, (i) => unroll(wide, (j) => `store(part, m + ${i}, column + ${j}, sum${i}_${j});`))}
    }`;
  const columnTiles = (wide: number) => `
  for (; column + ${wide} <= endColumn; column += ${wide}) {
    for (var r = rows.x; r < rows.y; r++) {
      ${unroll(wide, (j) => `panel[(r - rows.x) * ${wide} + ${j}] = b[r * width + column + ${j}];`)}
    }
    var m = row;
    ${tileSizes(rows).map(rowTiles(wide)).join('')}
  }`;
  return defineKernel({
    ...bindings,
    name: `${title(operands)} microkernel ${rows}×${4 * vectors}${wholeTiles ? '' : ' ragged'}`,
    code: `${functions}
@compute @workgroup_size(1)
fn main(${GROUP_ARGS}) {${locate}
  let width = params.N / 4;
  let end = min(row + ${block}, params.M);
  let endColumn = min(firstColumn + ${vectors}, width);
  var panel: array<vec4f, 1024>;
  let wholeEnd = rows.x + (rows.y - rows.x) / ${STEPS} * ${STEPS};
  var column = firstColumn;
  ${(wholeTiles ? [vectors] : tileSizes(vectors)).map(columnTiles).join('')}
  if (params.columnSums == 1 && firstColumn == 0) {
    for (var m = row; m < end; m += 4) {
      var columnSum = vec4f();
      for (var first = rows.x; first < rows.y; first += ${COLUMN_SUM_ROWS}) {
        var blockSum = vec4f();
        let last = min(first + ${COLUMN_SUM_ROWS}, rows.y);
        if (m + 4 <= params.M) {
          for (var r = first; r < last; r++) {
            let at = r * params.M + m;
            blockSum += vec4f(a[at], a[at + 1], a[at + 2], a[at + 3]);
          }
        } else {
          for (var r = first; r < last; r++) { blockSum += loadA(r, m, rows.y); }
        }
        columnSum += blockSum;
      }
      storeColumnSums(part, m, columnSum);
    }
  }
}`,
  });
});

/** `rows` × (4 · `vectors`) of C at a time. */
export function microkernelVariant(rows: number, vectors: number): Variant<OuterOptions> {
  return {
    name: `microkernel ${rows}×${4 * vectors}`,
    fits: ({ isWasm }, { oneHotScale }) => isWasm && oneHotScale === undefined,
    plan: (_, options) => {
      const operands = { ...outerOperands(options), wide: false };
      const wholeTiles = (options.N / 4) % vectors === 0;
      const kernel = kernelOf({ rows, vectors, operands, wholeTiles });
      return launchOf(kernel, options, sizesOf({ rows: TILES * rows, vectors }, options));
    },
  };
}
