/**
 * One workgroup is one subgroup of S lanes and computes 4·S × 8·S of C: of every row a lane loads one vec4 of A and two
 * of B, holds two vec4s of every row of the tile in registers, and takes the values of A from its neighbours by
 * subgroupBroadcast. A step of the loop takes one or two rows; with two, an accumulator is fetched, masked and put back
 * once for two multiply-adds: see the broadcast variant of `matmul` for why, and where.
 */
import { defineKernel, GROUP_ARGS, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import { canBroadcast } from '../matmul/broadcast.ts';
import {
  COLUMN_SUM_ROWS,
  type OuterOperands,
  type OuterOptions,
  outerInterface,
  outerOperands,
  sizesOf,
  title,
} from './interface.ts';

const COMPONENTS = ['x', 'y', 'z', 'w'];

interface Form {
  /** Lanes of the subgroup. */
  readonly S: number;
  readonly vectors: number;
  readonly step: 1 | 2;
  readonly operands: OuterOperands;
}

const kernelOf = memoize(({ S, vectors, step, operands }: Form) => {
  const rows = 4 * S;
  const { functions, locate, ...bindings } = outerInterface(operands, { rows, vectors: S * vectors });
  const sums = unroll(rows * vectors, (i) => `sum${i}`, ', ');
  return defineKernel({
    ...bindings,
    name: `${title(operands)} broadcast ${S} ${rows}×${vectors}×${step}`,
    enables: ['subgroups'],
    code: `${functions}
@compute @workgroup_size(${S})
fn main(${GROUP_ARGS}, @builtin(subgroup_invocation_id) lane: u32) {${locate}
  let column = firstColumn + lane;
  let m = row + 4 * lane;
  var columnSum = vec4f();
  ${unroll(rows * vectors, (i) => `var sum${i} = vec4f();`)}
  for (var block = rows.x; block < rows.y; block += ${COLUMN_SUM_ROWS}) {
  var blockSum = vec4f();
  let end = min(block + ${COLUMN_SUM_ROWS}, rows.y);
  for (var r = block; r < end; r += ${step}) {
    ${unroll(step, (u) => `let x${u} = loadA(r + ${u}, m, rows.y);`)}
    ${unroll(step, (u) => unroll(vectors, (j) => `let y${u}_${j} = loadB(r + ${u}, column + ${S * j}, rows.y);`))}
    blockSum = blockSum + ${unroll(step, (u) => `x${u}`, ' + ')};
    ${unroll(
      rows,
      (i) => `
    ${unroll(step, (u) => `let s${i}_${u} = subgroupBroadcast(x${u}.${COMPONENTS[i % 4]}, ${Math.floor(i / 4)});`)}
    ${unroll(vectors, (j) => {
      const sum = `sum${i * vectors + j}`;
      return `${sum} = ${sum} + ${unroll(step, (u) => `s${i}_${u} * y${u}_${j}`, ' + ')};`;
    })}`,
    )}
  }
  columnSum = columnSum + blockSum;
  }
  // Stored in a loop whose length the compiler does not know, or the stores would be most of what it compiles.
  var sums = array<vec4f, ${rows * vectors}>(${sums});
  for (var i = 0u; i < min(${rows}u, params.M - row); i++) {
    ${unroll(vectors, (j) => `store(part, row + i, column + ${S * j}, sums[i * ${vectors} + ${j}]);`)}
  }
  if (params.columnSums == 1 && firstColumn == 0) {
    storeColumnSums(part, m, columnSum);
  }
}`,
  });
});

/** 4·S × (4·S · `vectors`) of C per subgroup, `step` rows of A and B at once. */
export function broadcastVariant(vectors: number, step: 1 | 2): Variant<OuterOptions> {
  return {
    name: `broadcast ×${vectors}×${step}`,
    fits: canBroadcast,
    plan: ({ subgroupSize: S }, options) => {
      const kernel = kernelOf({ S, vectors, step, operands: outerOperands(options) });
      return launchOf(kernel, options, sizesOf({ rows: 4 * S, vectors: S * vectors }, options));
    },
  };
}
