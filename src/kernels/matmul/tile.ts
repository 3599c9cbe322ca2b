/**
 * A workgroup computes a tile of C from tiles of A and B that it copies into its own memory, `STEP` of K at a time;
 * a thread computes `threadRows` × `threadVectors` vec4s of it in registers. The variant for real GPUs, where workgroup
 * memory is fast; 32×32 with 4×1 to a thread runs on every adapter and is the portable one.
 *
 * With f16 the copies are rounded to half precision, which halves their memory; products and sums stay f32.
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

const STEP = 16;

interface Shape {
  /** Of C per workgroup, in scalars. */
  readonly rows: number;
  readonly columns: number;
  /** Of it per thread: rows, and columns in vec4s. */
  readonly threadRows: number;
  readonly threadVectors: number;
  readonly f16?: boolean;
}

const threadsOf = ({ rows, columns, threadRows, threadVectors }: Shape): number =>
  (rows / threadRows) * (columns / 4 / threadVectors);

/** Rows of A in workgroup memory are one longer than needed, so that threads read from different banks. */
const PITCH = STEP + 1;
const bytesOf = ({ rows, columns, f16 }: Shape): number => (rows * PITCH + STEP * columns) * (f16 ? 2 : 4);

const kernelOf = memoize(({ shape, operands }: { readonly shape: Shape; readonly operands: Operands }) => {
  const { rows, columns, threadRows, threadVectors, f16 = false } = shape;
  const { depth } = operands;
  const vectors = columns / 4;
  const { store, locate, ...bindings } = matmulInterface(operands, { rows, vectors });
  const threads = threadsOf(shape);
  const across = vectors / threadVectors;
  const element = f16 ? 'f16' : 'f32';
  const [vec, narrow] = f16 ? ['vec4h', 'vec4h'] : ['vec4f', ''];
  const each = (text: (i: number, j: number) => string) =>
    unroll(threadRows, (i) => unroll(threadVectors, (j) => text(i, j)));
  return defineKernel({
    ...bindings,
    name: `${title(operands)} tile ${rows}×${columns}, ${threadRows}×${4 * threadVectors} ${element}`,
    ...(f16 ? { enables: ['f16'] } : {}),
    code: `${store}
const STEP = ${STEP}u;
var<workgroup> tileA: array<${element}, ${rows * PITCH}>;
var<workgroup> tileB: array<${vec}, STEP * ${vectors}>;
@compute @workgroup_size(${threads})
fn main(${THREAD_ARGS}) {${locate}
  let x = thread % ${across};
  let y = thread / ${across} * ${threadRows};
  ${unroll(threadVectors, (j) => `let bias${j} = biasAt(firstColumn + x + ${j * across}, expert);`)}
  ${each((i, j) => `var sum${i}_${j} = bias${j};`)}
  for (var k0 = 0u; k0 < params.K; k0 += STEP) {
    ${
      depth === 4
        ? `for (var i = thread; i < ${rows} * STEP / 4; i += ${threads}) {
      let r = i / (STEP / 4);
      let k = k0 / 4 + i % (STEP / 4);
      let value = ${narrow}(select(vec4f(), a[(aRow + min(row + r, params.M - 1)) * steps + min(k, steps - 1)], k < steps));
      let at = r * ${PITCH} + i % (STEP / 4) * 4;
      ${unroll(4, (u) => `tileA[at + ${u}] = value[${u}];`)}
    }`
        : `for (var i = thread; i < ${rows} * STEP; i += ${threads}) {
      let r = i / STEP;
      let k = k0 + i % STEP;
      tileA[r * ${PITCH} + i % STEP] =
        ${element}(select(0.0, a[(aRow + min(row + r, params.M - 1)) * steps + min(k, steps - 1)], k < steps));
    }`
    }
    for (var i = thread; i < STEP * ${vectors}; i += ${threads}) {
      let k = min(k0 + i / ${vectors}, params.K - 1);
      tileB[i] = ${narrow}(b[base + k * width + min(firstColumn + i % ${vectors}, width - 1)]);
    }
    workgroupBarrier();
    for (var k = 0u; k < STEP; k++) {
      ${unroll(threadVectors, (j) => `let right${j} = vec4f(tileB[k * ${vectors} + x + ${j * across}]);`)}
      ${unroll(threadRows, (i) => `let left${i} = f32(tileA[(y + ${i}) * ${PITCH} + k]);`)}
      ${each((i, j) => `sum${i}_${j} += left${i} * right${j};`)}
    }
    workgroupBarrier();
  }
  ${each((i, j) => `store(row + y + ${i}, firstColumn + x + ${j * across}, sum${i}_${j}, batch);`)}
}`,
  });
});

/** See the head of this file. `f16` only where the device allows products of half precision. */
export function tileVariant(shape: Shape): Variant<MatmulOptions> {
  const { rows, columns, threadRows, threadVectors, f16 = false } = shape;
  return {
    name: `tile ${rows}×${columns}, ${threadRows}×${4 * threadVectors}${f16 ? ' f16' : ''}`,
    half: f16,
    fits: ({ limits, halfProducts }, { groupOfTile }) =>
      bytesOf(shape) <= limits.maxComputeWorkgroupStorageSize &&
      threadsOf(shape) <= limits.maxComputeInvocationsPerWorkgroup &&
      (!f16 || halfProducts) &&
      (!groupOfTile || GROUP_ROWS % rows === 0),
    plan: (_, options) => {
      const kernel = kernelOf({ shape, operands: operandsOf(options) });
      return launchOf(kernel, options, sizesOf({ rows, vectors: columns / 4 }, options));
    },
  };
}
