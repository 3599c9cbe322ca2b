/** An invocation computes a block of C alone, a tile at a time: see ../microkernel.ts. For the WebAssembly adapter. */
import { defineKernel, GROUP_ARGS, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import { BLOCK_TILES, microkernelWgsl } from '../microkernel.ts';
import {
  GROUP_ROWS,
  type MatmulOptions,
  matmulInterface,
  type Operands,
  operandsOf,
  sizesOf,
  title,
} from './interface.ts';

interface Form {
  readonly rows: number;
  readonly vectors: number;
  readonly operands: Operands;
  readonly wholeTiles: boolean;
}

const blockOf = (rows: number, grouped: boolean): number => (grouped ? GROUP_ROWS : BLOCK_TILES * rows);

const kernelOf = memoize(({ rows, vectors, operands, wholeTiles }: Form) => {
  const block = blockOf(rows, operands.grouped);
  const { store, locate, ...bindings } = matmulInterface(operands, { rows: block, vectors });
  return defineKernel({
    ...bindings,
    name: `${title(operands)} microkernel ${rows}×${4 * vectors}${wholeTiles ? '' : ' ragged'}`,
    code: `${store}
@compute @workgroup_size(1)
fn main(${GROUP_ARGS}) {${locate}
  let endRow = min(row + ${block}, params.M);
  let endColumn = min(firstColumn + ${vectors}, width);
  ${microkernelWgsl({
    ...{ rows, vectors, wholeTiles, counter: 'k', first: '0u', end: 'params.K' },
    columns: (wide) => unroll(wide, (j) => `let bias${j} = biasAt(column + ${j}, expert);`),
    start: (j) => `bias${j}`,
    left: (i) => `a[(aRow + y + ${i}) * params.K + k]`,
    right: (j) => `b[base + column + k * width + ${j}]`,
    store: (i, j, sum) => `store(y + ${i}, column + ${j}, ${sum}, batch);`,
  })}
}`,
  });
});

/** `rows` × (4 · `vectors`) of C at a time. */
export function microkernelVariant(rows: number, vectors: number): Variant<MatmulOptions> {
  return {
    name: `microkernel ${rows}×${4 * vectors}`,
    fits: ({ isWasm }, { bTransposed = false }) => isWasm && !bTransposed,
    plan: (_, options) => {
      const operands = operandsOf(options, [1]);
      const wholeTiles = Math.ceil(options.N / 4) % vectors === 0;
      const kernel = kernelOf({ rows, vectors, operands, wholeTiles });
      return launchOf(kernel, options, sizesOf({ rows: blockOf(rows, operands.grouped), vectors }, options));
    },
  };
}
