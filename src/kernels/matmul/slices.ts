/**
 * For GPUs, and products of few rows: the threads of a workgroup share a tile of C and divide K among them. A slice of the
 * threads takes every `slices`-th four of K, straight from storage, 4 rows and `vectors` vec4 columns to a thread; then the
 * slices add up their sums in a tree, in workgroup memory. So a few small tiles keep a whole GPU busy, and read its memory
 * side by side, in one dispatch: the parts of a product in two would cost a second one, and be written and read.
 *
 * With one slice: larger tiles in registers alone, for adapters whose workgroup memory is no faster than their caches.
 */
import { defineKernel, launchOf, THREAD_ARGS, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  GROUP_ROWS,
  loadsWgsl,
  type MatmulOptions,
  matmulInterface,
  type Operands,
  operandsOf,
  sizesOf,
  title,
  transposeWgsl,
} from './interface.ts';

/** Threads of a slice along the columns. */
const ACROSS = 8;

/** A tile of C, and how it is computed. */
export interface Slices {
  /** Rows of the tile, a multiple of the thread's, and their number per thread. */
  readonly rows: number;
  readonly threadRows: number;
  /** Columns per thread, in vec4s; 8 threads make the tile's. */
  readonly threadVectors: number;
  /** A power of two. */
  readonly slices: number;
}

const threadsOf = ({ rows, threadRows, slices }: Slices): number => ACROSS * (rows / threadRows) * slices;
const columnsOf = ({ threadVectors }: Slices): number => 4 * ACROSS * threadVectors;
/** Vec4s of the tree: half of the slices' sums. */
const partialsOf = (form: Slices): number => (form.rows * columnsOf(form) * form.slices) / 8;

const kernelOf = memoize(({ form, operands }: { readonly form: Slices; readonly operands: Operands }) => {
  const { rows, threadRows, threadVectors, slices } = form;
  const columns = columnsOf(form);
  const { store, locate, ...bindings } = matmulInterface(operands, { rows, vectors: columns / 4 });
  const members = threadsOf(form) / slices;
  const { transposed } = operands;
  const sum = (i: number, j: number) => `sum${i}_${j}`;
  const each = (text: (i: number, j: number) => string) =>
    unroll(threadRows, (i) => unroll(threadVectors, (j) => text(i, j)));
  const partial = (i: number, j: number, slice: string) =>
    `partials[(${slice}) * ${(rows * columns) / 4} + ${(i * threadVectors + j) * members} + member]`;
  const round = (half: number) => `
  if (slice >= ${half} && slice < ${2 * half}) {
    ${each((i, j) => `${partial(i, j, `slice - ${half}`)} = ${sum(i, j)};`)}
  }
  workgroupBarrier();
  if (slice < ${half}) {
    ${each((i, j) => `${sum(i, j)} += ${partial(i, j, 'slice')};`)}
  }
  workgroupBarrier();`;
  return defineKernel({
    ...bindings,
    name: `${title(operands)} slices ${rows}×${columns} ×${slices}`,
    code: `${store}${loadsWgsl(operands)}
${slices > 1 ? `var<workgroup> partials: array<vec4f, ${partialsOf(form)}>;` : ''}
@compute @workgroup_size(${members * slices})
fn main(${THREAD_ARGS}) {${locate}
  let matrix = expert + batch;
  // Neighbours read neighbouring values of B.
  let slice = ${transposed ? `thread % ${slices}` : `thread / ${members}`};
  let member = ${transposed ? `thread / ${slices}` : `thread % ${members}`};
  let column = firstColumn + member % ${ACROSS};
  let y = row + member / ${ACROSS} * ${threadRows};
  ${each((i, j) => `var ${sum(i, j)} = vec4f();`)}
  for (var k = slice * 4; k < params.K; k += ${4 * slices}) {
    ${unroll(threadRows, (i) => `let x${i} = loadA(y + ${i}, k, aRow);`)}
    ${unroll(
      threadVectors,
      (j) => `{
      ${
        transposed
          ? `${unroll(4, (c) => `let column${c} = loadColumn((column + ${ACROSS * j}) * 4 + ${c}, k, matrix);`)}
      ${transposeWgsl('column', 'right')}`
          : unroll(4, (u) => `let right${u} = loadB(k + ${u}, column + ${ACROSS * j}, matrix);`)
      }
      ${unroll(4, (u) => unroll(threadRows, (i) => `${sum(i, j)} += x${i}[${u}] * right${u};`))}
    }`,
    )}
  }
  ${unroll(Math.log2(slices), (level) => round(slices >> (level + 1)))}
  if (slice == 0) {
    ${each((i, j) => `store(y + ${i}, column + ${ACROSS * j}, ${sum(i, j)} + biasAt(column + ${ACROSS * j}, expert), batch);`)}
  }
}`,
  });
});

/** See the head of this file. */
export function slicesVariant(form: Slices): Variant<MatmulOptions> {
  const { rows, slices } = form;
  const columns = columnsOf(form);
  return {
    name: `slices ${rows}×${columns} ×${slices}`,
    fits: ({ limits }, { groupOfTile }) =>
      (slices === 1 || partialsOf(form) * 16 <= limits.maxComputeWorkgroupStorageSize) &&
      threadsOf(form) <= limits.maxComputeInvocationsPerWorkgroup &&
      (!groupOfTile || GROUP_ROWS % rows === 0),
    plan: (_, options) => {
      const kernel = kernelOf({ form, operands: operandsOf(options) });
      return launchOf(kernel, options, sizesOf({ rows, vectors: columns / 4 }, options));
    },
  };
}
