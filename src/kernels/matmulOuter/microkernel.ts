/**
 * An invocation computes a block of C alone, a tile at a time: see ../microkernel.ts. A row of A gives the neighbouring
 * values of a tile's rows. For the WebAssembly adapter.
 */
import { defineKernel, GROUP_ARGS, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import { BLOCK_TILES, microkernelWgsl } from '../microkernel.ts';
import {
  COLUMN_SUM_ROWS,
  type OuterOperands,
  type OuterOptions,
  outerInterface,
  outerOperands,
  sizesOf,
  title,
} from './interface.ts';

interface Form {
  readonly rows: number;
  readonly vectors: number;
  readonly operands: OuterOperands;
  readonly wholeTiles: boolean;
}

const kernelOf = memoize(({ rows, vectors, operands, wholeTiles }: Form) => {
  const block = BLOCK_TILES * rows;
  const { functions, locate, ...bindings } = outerInterface(operands, { rows: block, vectors });
  return defineKernel({
    ...bindings,
    name: `${title(operands)} microkernel ${rows}×${4 * vectors}${wholeTiles ? '' : ' ragged'}`,
    code: `${functions}
@compute @workgroup_size(1)
fn main(${GROUP_ARGS}) {${locate}
  let width = params.N / 4;
  let endRow = min(row + ${block}, params.M);
  let endColumn = min(firstColumn + ${vectors}, width);
  ${microkernelWgsl({
    ...{ rows, vectors, wholeTiles, counter: 'r', first: 'rows.x', end: 'rows.y' },
    start: () => 'vec4f()',
    left: (i) => `a[r * params.M + y + ${i}]`,
    right: (j) => `b[r * width + column + ${j}]`,
    store: (i, j, sum) => `store(part, y + ${i}, column + ${j}, ${sum});`,
  })}
  if (params.columnSums == 1 && firstColumn == 0) {
    for (var m = row; m < endRow; m += 4) {
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
      return launchOf(kernel, options, sizesOf({ rows: BLOCK_TILES * rows, vectors }, options));
    },
  };
}
