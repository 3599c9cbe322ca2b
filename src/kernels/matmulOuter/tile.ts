/**
 * For GPUs: a workgroup computes a tile of C from tiles of A and B that it copies into its own memory, `STEP` rows at a time; a
 * thread computes `threadRows` × `threadVectors` vec4s of it in registers, from vec4s of both. The loads of the next step are
 * on their way to registers while this one is multiplied. 32×32 runs on every adapter and is the portable variant.
 *
 * 8×8 to a thread: 128 operations to 4 loads of vec4s from workgroup memory; 64 registers of sums, 32 of loads on their way,
 * 16 of operands. The column sums of A are added up from the loads, each thread's own, and at the end those of a column.
 */
import { defineKernel, launchOf, THREAD_ARGS, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  type OuterOperands,
  type OuterOptions,
  outerInterface,
  outerOperands,
  sizesOf,
  title,
} from './interface.ts';

const STEP = 16;

/** A tile of C, in scalars, and what a thread computes of it: rows, a multiple of 4, and columns in vec4s. */
export interface OuterTile {
  readonly rows: number;
  readonly columns: number;
  readonly threadRows: number;
  readonly threadVectors: number;
}

const threadsOf = ({ rows, columns, threadRows, threadVectors }: OuterTile): number =>
  (rows / threadRows) * (columns / 4 / threadVectors);

const kernelOf = memoize(
  ({ tile, operands }: { readonly tile: OuterTile; readonly operands: OuterOperands }) => {
    const { rows, columns, threadRows, threadVectors } = tile;
    const [high, vectors] = [rows / 4, columns / 4];
    const threads = threadsOf(tile);
    const [down, across] = [rows / threadRows, vectors / threadVectors];
    const { functions, locate, ...bindings } = outerInterface(operands, { rows, vectors });
    const [loadsA, loadsB] = [(STEP * high) / threads, (STEP * vectors) / threads];
    const loads = (r: string) => `
    ${unroll(loadsA, (q) => `nextA${q} = loadA(${r} + (thread + ${q * threads}) / ${high}, row + thread % ${high} * 4, rows.y);`)}
    ${unroll(loadsB, (q) => `nextB${q} = loadB(${r} + (thread + ${q * threads}) / ${vectors}, firstColumn + thread % ${vectors}, rows.y);`)}`;
    const lefts = threadRows / 4;
    const sum = (i: number, j: number) => `sum${i}_${j}`;
    const each = (text: (i: number, j: number) => string) =>
      unroll(threadRows, (i) => unroll(threadVectors, (j) => text(i, j)));
    return defineKernel({
      ...bindings,
      name: `${title(operands)} tile ${rows}×${columns}, ${threadRows}×${4 * threadVectors}`,
      code: `${functions}
var<workgroup> tileA: array<vec4f, ${STEP * high}>;
var<workgroup> tileB: array<vec4f, ${STEP * vectors}>;
@compute @workgroup_size(${threads})
fn main(${THREAD_ARGS}) {${locate}
  let x = thread % ${across};
  let y = thread / ${across};
  ${each((i, j) => `var ${sum(i, j)} = vec4f();`)}
  var columnSum = vec4f();
  ${unroll(loadsA, (q) => `var nextA${q}: vec4f;`)}
  ${unroll(loadsB, (q) => `var nextB${q}: vec4f;`)}
  if (rows.x < rows.y) {${loads('rows.x')}
  }
  for (var r0 = rows.x; r0 < rows.y; r0 += ${STEP}) {
    ${unroll(loadsA, (q) => `tileA[thread + ${q * threads}] = nextA${q};`)}
    ${unroll(loadsB, (q) => `tileB[thread + ${q * threads}] = nextB${q};`)}
    columnSum += ${unroll(loadsA, (q) => `nextA${q}`, ' + ')};
    workgroupBarrier();${loads(`r0 + ${STEP}`)}
    for (var r = 0u; r < ${STEP}; r++) {
      ${unroll(lefts, (i) => `let left${i} = tileA[r * ${high} + y + ${i * down}];`)}
      ${unroll(threadVectors, (j) => `let right${j} = tileB[r * ${vectors} + x + ${j * across}];`)}
      ${each((i, j) => `${sum(i, j)} += left${Math.floor(i / 4)}[${i % 4}] * right${j};`)}
    }
    workgroupBarrier();
  }
  ${each((i, j) => `store(part, row + (y + ${Math.floor(i / 4) * down}) * 4 + ${i % 4}, firstColumn + x + ${j * across}, ${sum(i, j)});`)}
  if (params.columnSums == 1 && firstColumn == 0) {
    tileA[thread] = columnSum;
    workgroupBarrier();
    if (thread < ${high}) {
      storeColumnSums(part, row + thread * 4, ${unroll(threads / high, (q) => `tileA[thread + ${q * high}]`, ' + ')});
    }
  }
}`,
    });
  },
);

/** See the head of this file. The number of threads must be a multiple of a quarter of the rows and of the columns. */
export function tileVariant(tile: OuterTile): Variant<OuterOptions> {
  const { rows, columns, threadRows, threadVectors } = tile;
  return {
    name: `tile ${rows}×${columns}, ${threadRows}×${4 * threadVectors}`,
    fits: ({ limits }) =>
      STEP * (rows + columns) * 4 <= limits.maxComputeWorkgroupStorageSize &&
      threadsOf(tile) <= limits.maxComputeInvocationsPerWorkgroup,
    plan: (_, options) => {
      const kernel = kernelOf({ tile, operands: outerOperands(options) });
      return launchOf(kernel, options, sizesOf({ rows, vectors: columns / 4 }, options));
    },
  };
}
