/**
 * A thread computes `threadRows` rows × `threadVectors` vec4 columns of C in registers, straight from storage: 8×8 threads
 * to a workgroup, whose loads meet in the cache. For adapters whose workgroup memory is no faster than their caches.
 */
import { defineKernel, launchOf, THREAD_ARGS, unroll } from '../../gpu/kernel.ts';
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

const SIDE = 8;

interface Form {
  readonly threadRows: number;
  readonly threadVectors: number;
  readonly operands: Operands;
}

const kernelOf = memoize(({ threadRows, threadVectors, operands }: Form) => {
  const { depth } = operands;
  const tile = { rows: SIDE * threadRows, vectors: SIDE * threadVectors };
  const { store, locate, ...bindings } = matmulInterface(operands, tile);
  const components = depth === 1 ? [''] : ['.x', '.y', '.z', '.w'];
  const each = (text: (i: number, j: number) => string) =>
    unroll(threadRows, (i) => unroll(threadVectors, (j) => text(i, j)));
  return defineKernel({
    ...bindings,
    name: `${title(operands)} registers ${threadRows}×${4 * threadVectors}`,
    code: `${store}
@compute @workgroup_size(${SIDE * SIDE})
fn main(${THREAD_ARGS}) {${locate}
  let column = firstColumn + thread % ${SIDE};
  let y = row + thread / ${SIDE} * ${threadRows};
  ${unroll(threadRows, (i) => `let a${i} = (aRow + min(y + ${i}, params.M - 1)) * steps;`)}
  ${unroll(threadVectors, (j) => `let b${j} = base + min(column + ${SIDE * j}, width - 1);`)}
  ${unroll(threadVectors, (j) => `let bias${j} = biasAt(column + ${SIDE * j}, expert);`)}
  ${each((i, j) => `var sum${i}_${j} = bias${j};`)}
  for (var k = 0u; k < steps; k++) {
    ${unroll(threadRows, (i) => `let x${i} = a[a${i} + k];`)}
    ${unroll(
      depth,
      (u) => `{
      ${unroll(threadVectors, (j) => `let y${j} = b[b${j} + (k * ${depth} + ${u}) * width];`)}
      ${each((i, j) => `sum${i}_${j} += x${i}${components[u]} * y${j};`)}
    }`,
    )}
  }
  ${each((i, j) => `store(y + ${i}, column + ${SIDE * j}, sum${i}_${j}, batch);`)}
}`,
  });
});

/** (8 · `threadRows`) × (32 · `threadVectors`) of C per workgroup. */
export function registersVariant(threadRows: number, threadVectors: number): Variant<MatmulOptions> {
  const tile = { rows: SIDE * threadRows, vectors: SIDE * threadVectors };
  return {
    name: `registers ${threadRows}×${4 * threadVectors}`,
    fits: (_, { groupOfTile }) => !groupOfTile || GROUP_ROWS % tile.rows === 0,
    plan: (_, options) => {
      const kernel = kernelOf({ threadRows, threadVectors, operands: operandsOf(options) });
      return launchOf(kernel, options, sizesOf(tile, options));
    },
  };
}
