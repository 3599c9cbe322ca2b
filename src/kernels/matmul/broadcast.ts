/**
 * One workgroup is one subgroup of S lanes; every lane holds a tile of rows × vec4 columns in registers, loads a share
 * of A's rows and B's columns, and takes the rest of A from its neighbours by subgroupBroadcast. Made for software
 * drivers, where a load from storage costs a hundred instructions and a broadcast one or two.
 *
 * Where K is a multiple of 4, a step of the loop takes four of it: A arrives as vec4s along K, and an accumulator is
 * fetched, masked and put back once for four multiply-adds. Measured on lavapipe with 2 cores: 25-27 GFLOP/s at 512³ and 1024³
 * where a step of one reached 14-21. Larger tiles (64×1, 32×2) are slower: their loop outgrows the 32 KB of the
 * instruction cache. Loading the next step's operands between the multiply-adds is half as fast: they are spilled.
 */
import type { Device } from '../../gpu/device.ts';
import { defineKernel, GROUP_ARGS, memoize, unroll } from '../../gpu/kernel.ts';
import type { Variant } from '../../gpu/variants.ts';
import { GROUP_ROWS, type MatmulOptions, matmulInterface, operandsOf, planOf, title } from './interface.ts';

const kernelOf = memoize(
  (
    S: number,
    rows: number,
    vectors: number,
    epilogue: string,
    vectorised: boolean,
    deep: boolean,
    grouped: boolean,
  ) => {
    const shares = rows / S;
    const operands = { epilogue, vectorised, deep, grouped };
    const { store, locate, ...bindings } = matmulInterface(operands, { rows, vectors: S * vectors });
    const components = deep ? ['.x', '.y', '.z', '.w'] : [''];
    const step = components.length;
    return defineKernel({
      ...bindings,
      name: `${title(operands)} broadcast ${S} ${rows}×${vectors}`,
      enables: ['subgroups'],
      code: `${store}
@compute @workgroup_size(${S})
fn main(${GROUP_ARGS}, @builtin(subgroup_invocation_id) lane: u32) {${locate}
  let column = firstColumn + lane;
  ${unroll(shares, (p) => `let a${p} = (aRow + min(row + lane + ${S * p}, params.M - 1)) * depth;`)}
  ${unroll(vectors, (j) => `let b${j} = base + min(column + ${S * j}, width - 1);`)}
  ${unroll(rows * vectors, (i) => `var sum${i} = vec4f();`)}
  for (var k = 0u; k < depth; k++) {
    ${unroll(shares, (p) => `let x${p} = a[a${p} + k];`)}
    ${unroll(step, (u) => unroll(vectors, (j) => `let y${u}_${j} = b[b${j} + (k * ${step} + ${u}) * width];`))}
    ${unroll(
      rows,
      (i) => `
    ${unroll(step, (u) => `let s${i}_${u} = subgroupBroadcast(x${Math.floor(i / S)}${components[u]}, ${i % S});`)}
    ${unroll(vectors, (j) => {
      const sum = `sum${i * vectors + j}`;
      return `${sum} = ${sum} + ${unroll(step, (u) => `s${i}_${u} * y${u}_${j}`, ' + ')};`;
    })}`,
    )}
  }
  // Stored in a loop: unrolled, the epilogue would be most of the shader's compile time.
  var sums = array<vec4f, ${rows * vectors}>(${Array.from({ length: rows * vectors }, (_, i) => `sum${i}`).join(', ')});
  for (var i = 0u; i < ${rows}; i++) {
    ${unroll(vectors, (j) => `store(row + i, column + ${S * j}, sums[i * ${vectors} + ${j}], batch, expert);`)}
  }
}`,
    });
  },
);

/** Lanes of a subgroup that tiles of broadcasts are made for. */
export const canBroadcast = ({ subgroupSize: S }: Device): boolean => S >= 4 && S <= 32;

/** `rows` × (4 · S · `vectors`) of C per subgroup. */
export function broadcastVariant(rows: number, vectors: number): Variant<MatmulOptions> {
  return {
    name: `broadcast ${rows}×${vectors}`,
    fits: (device, { groupOfTile }) =>
      canBroadcast(device) && rows % device.subgroupSize === 0 && (!groupOfTile || GROUP_ROWS % rows === 0),
    plan: ({ subgroupSize: S }, options) => {
      const { epilogue, vectorised, deep, grouped } = operandsOf(options);
      const kernel = kernelOf(S, rows, vectors, epilogue, vectorised, deep, grouped);
      return planOf(kernel as never, { rows, vectors: S * vectors }, options);
    },
  };
}
