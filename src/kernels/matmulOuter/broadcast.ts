/**
 * One workgroup is one subgroup of S lanes and computes 4·S × 4·S of C: of every row of A and B a lane loads one vec4,
 * holds a vec4 of every row of the tile in registers, and takes the values of A from its neighbours by
 * subgroupBroadcast. A step of the loop takes four rows, so that an accumulator is fetched, masked and put back once
 * for four multiply-adds: see the broadcast variant of `matmul` for why, and where.
 */
import { defineKernel, GROUP_ARGS, memoize, unroll } from '../../gpu/kernel.ts';
import type { Variant } from '../../gpu/variants.ts';
import { canBroadcast } from '../matmul/broadcast.ts';
import { type OuterOptions, outerInterface, outerOperands, planOf, title } from './interface.ts';

const STEP = 4;
const COMPONENTS = ['x', 'y', 'z', 'w'];

const kernelOf = memoize((S: number, oneHot: boolean, grouped: boolean, wide: boolean) => {
  const operands = { oneHot, grouped, wide };
  const rows = 4 * S;
  const { functions, locate, ...bindings } = outerInterface(operands, { rows, vectors: S });
  return defineKernel({
    ...bindings,
    name: `${title(operands)} broadcast ${S}`,
    enables: ['subgroups'],
    code: `${functions}
@compute @workgroup_size(${S})
fn main(${GROUP_ARGS}, @builtin(subgroup_invocation_id) lane: u32) {${locate}
  let column = firstColumn + lane;
  let m = row + 4 * lane;
  var columnSum = vec4f();
  ${unroll(rows, (i) => `var sum${i} = vec4f();`)}
  for (var r = rows.x; r < rows.y; r += ${STEP}) {
    ${unroll(STEP, (u) => `let x${u} = loadA(r + ${u}, m, rows.y);`)}
    ${unroll(STEP, (u) => `let y${u} = loadB(r + ${u}, column, rows.y);`)}
    columnSum = columnSum + ${unroll(STEP, (u) => `x${u}`, ' + ')};
    ${unroll(
      rows,
      (i) => `
    ${unroll(STEP, (u) => `let s${i}_${u} = subgroupBroadcast(x${u}.${COMPONENTS[i % 4]}, ${Math.floor(i / 4)});`)}
    sum${i} = sum${i} + ${unroll(STEP, (u) => `s${i}_${u} * y${u}`, ' + ')};`,
    )}
  }
  // Stored in a loop: unrolled, the stores would be most of the shader's compile time.
  var sums = array<vec4f, ${rows}>(${unroll(rows, (i) => `sum${i}`, ', ')});
  for (var i = 0u; i < ${rows}; i++) { store(part, row + i, column, sums[i]); }
  if (params.columnSums == 1 && firstColumn == 0) {
    for (var i = 0u; i < 4; i++) { storeColumnSum(part, m + i, columnSum[i]); }
  }
}`,
  });
});

/** See the head of this file. */
export const broadcastVariant: Variant<OuterOptions> = {
  name: 'broadcast',
  fits: canBroadcast,
  plan: ({ subgroupSize: S }, options) => {
    const { oneHot, grouped, wide } = outerOperands(options);
    const kernel = kernelOf(S, oneHot, grouped, wide);
    return planOf(kernel as never, { rows: 4 * S, vectors: S }, options);
  },
};
