/**
 * A workgroup computes a tile of C from tiles of A and B that it copies into its own memory, `STEP` rows at a time; a
 * thread computes `threadRows` × one vec4 of it in registers. 32×32 runs on every adapter and is the portable variant.
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

interface Form {
  readonly rows: number;
  readonly columns: number;
  readonly threadRows: number;
  readonly operands: OuterOperands;
}

const kernelOf = memoize(({ rows, columns, threadRows, operands }: Form) => {
  const vectors = columns / 4;
  const threads = (rows / threadRows) * vectors;
  const { functions, locate, ...bindings } = outerInterface(operands, { rows, vectors });
  return defineKernel({
    ...bindings,
    name: `${title(operands)} tile ${rows}×${columns}, ${threadRows}×4`,
    code: `${functions}
const STEP = ${STEP}u;
var<workgroup> tileA: array<vec4f, STEP * ${rows / 4}>;
var<workgroup> tileB: array<vec4f, STEP * ${vectors}>;
@compute @workgroup_size(${threads})
fn main(${THREAD_ARGS}) {${locate}
  let x = thread % ${vectors};
  let y = thread / ${vectors} * ${threadRows};
  ${unroll(threadRows, (i) => `var sum${i} = vec4f();`)}
  ${unroll(threadRows / 4, (i) => `var columnSum${i} = vec4f();`)}
  for (var r0 = rows.x; r0 < rows.y; r0 += STEP) {
    for (var i = thread; i < STEP * ${rows / 4}; i += ${threads}) {
      tileA[i] = loadA(r0 + i / ${rows / 4}, row + i % ${rows / 4} * 4, rows.y);
    }
    for (var i = thread; i < STEP * ${vectors}; i += ${threads}) {
      tileB[i] = loadB(r0 + i / ${vectors}, firstColumn + i % ${vectors}, rows.y);
    }
    workgroupBarrier();
    ${unroll(threadRows / 4, (i) => `var stepSum${i} = vec4f();`)}
    for (var r = 0u; r < STEP; r++) {
      let right = tileB[r * ${vectors} + x];
      ${unroll(
        threadRows / 4,
        (i) => `let left${i} = tileA[r * ${rows / 4} + y / 4 + ${i}];
      stepSum${i} += left${i};
      ${unroll(4, (c) => `sum${4 * i + c} += left${i}[${c}] * right;`)}`,
      )}
    }
    ${unroll(threadRows / 4, (i) => `columnSum${i} += stepSum${i};`)}
    workgroupBarrier();
  }
  ${unroll(threadRows, (i) => `store(part, row + y + ${i}, firstColumn + x, sum${i});`)}
  if (params.columnSums == 1 && firstColumn == 0 && x == 0) {
    ${unroll(threadRows / 4, (i) => `storeColumnSums(part, row + y + ${4 * i}, columnSum${i});`)}
  }
}`,
  });
});

/** rows × columns of C per workgroup, `threadRows` (a multiple of 4) × 4 per thread. */
export function tileVariant(rows: number, columns: number, threadRows: number): Variant<OuterOptions> {
  return {
    name: `tile ${rows}×${columns}, ${threadRows}×4`,
    fits: ({ gpu: { limits } }) =>
      STEP * (rows + columns) * 4 <= limits.maxComputeWorkgroupStorageSize &&
      (rows / threadRows) * (columns / 4) <= limits.maxComputeInvocationsPerWorkgroup,
    plan: (_, options) => {
      const kernel = kernelOf({ rows, columns, threadRows, operands: outerOperands(options) });
      return launchOf(kernel, options, sizesOf({ rows, vectors: columns / 4 }, options));
    },
  };
}
