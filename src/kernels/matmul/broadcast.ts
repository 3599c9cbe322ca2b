/**
 * One workgroup is one subgroup of S lanes; every lane holds a tile of rows × vec4 columns in registers, loads a share
 * of A's rows and B's columns, and takes the rest of A from its neighbours by subgroupBroadcast. Made for software
 * drivers, where a load from storage costs a hundred instructions and a broadcast one or two.
 *
 * A step of the loop takes `depth` of K at once where K allows: A arrives as vec2s or vec4s, and an accumulator is
 * fetched, masked and put back once for so many multiply-adds. What bounds it is the loop's code, 10 KB for every 512
 * multiply-adds and 1.6 KB for every load: what exceeds the CPU's caches of instructions is slower. Measured on lavapipe
 * with 2 cores, in GFLOP/s, medians in turns:
 *
 *   one CPU, at 512³, 8192×64×64 and 8192×256×256
 *   32×2, depth 1   17, 19, 23      32×2, depth 2   31, 32, 27      32×1, depth 4   29, 23, 25
 *   24×2, depth 2   24, 21, 32      16×2, depth 4   14, 16, 15      64×2, depth 2   21, 21, 26
 *
 *   an AMD Zen 3 (the tuner takes depth 1 there), at 8192×256×256, 8192×64×256 and 8192×256×64
 *   32×2, depth 1   33, 28, 34      32×2, depth 2   25, 22, 26      16×2, depth 4   20, 18, 20
 *   24×2, depth 1   31, 27, 32      40×2, depth 1   26, 23, 26      24×3, depth 1   19, 18, 15
 *
 * Loading the next step's operands between the multiply-adds is half as fast, since they are spilled.
 */
import type { Device } from '../../gpu/device.ts';
import { defineKernel, GROUP_ARGS, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import {
  type Depth,
  GROUP_ROWS,
  type MatmulOptions,
  matmulInterface,
  type Operands,
  operandsOf,
  sizesOf,
  title,
} from './interface.ts';

interface Form {
  /** Lanes of the subgroup. */
  readonly S: number;
  readonly rows: number;
  readonly vectors: number;
  readonly operands: Operands;
}

const kernelOf = memoize(({ S, rows, vectors, operands }: Form) => {
  const shares = rows / S;
  const { depth } = operands;
  const { store, locate, ...bindings } = matmulInterface(operands, { rows, vectors: S * vectors });
  const components = depth === 1 ? [''] : ['.x', '.y', '.z', '.w'];
  const sums = unroll(rows * vectors, (i) => `sum${i}`, ', ');
  return defineKernel({
    ...bindings,
    name: `${title(operands)} broadcast ${S} ${rows}×${vectors}×${depth}`,
    enables: ['subgroups'],
    code: `${store}
@compute @workgroup_size(${S})
fn main(${GROUP_ARGS}, @builtin(subgroup_invocation_id) lane: u32) {${locate}
  let column = firstColumn + lane;
  ${unroll(shares, (p) => `let a${p} = (aRow + min(row + lane + ${S * p}, params.M - 1)) * steps;`)}
  ${unroll(vectors, (j) => `let b${j} = base + min(column + ${S * j}, width - 1);`)}
  ${unroll(vectors, (j) => `let bias${j} = biasAt(column + ${S * j}, expert);`)}
  ${unroll(rows * vectors, (i) => `var sum${i} = bias${i % vectors};`)}
  for (var k = 0u; k < steps; k++) {
    ${unroll(shares, (p) => `let x${p} = a[a${p} + k];`)}
    ${unroll(depth, (u) => unroll(vectors, (j) => `let y${u}_${j} = b[b${j} + (k * ${depth} + ${u}) * width];`))}
    ${unroll(
      rows,
      (i) => `
    ${unroll(depth, (u) => `let s${i}_${u} = subgroupBroadcast(x${Math.floor(i / S)}${components[u]}, ${i % S});`)}
    ${unroll(vectors, (j) => {
      const sum = `sum${i * vectors + j}`;
      return `${sum} = ${sum} + ${unroll(depth, (u) => `s${i}_${u} * y${u}_${j}`, ' + ')};`;
    })}`,
    )}
  }
  // Stored in a loop whose length the compiler does not know, or the epilogue would be most of what it compiles.
  var sums = array<vec4f, ${rows * vectors}>(${sums});
  for (var i = 0u; i < min(${rows}u, params.M - row); i++) {
    ${unroll(vectors, (j) => `store(row + i, column + ${S * j}, sums[i * ${vectors} + ${j}], batch);`)}
  }
}`,
  });
});

/** Tell if the adapter is of a class that tiles of broadcasts are for, and its subgroups have as many lanes. */
export const canBroadcast = (device: Device): boolean =>
  defaultsOf(device).products !== 'tile' && device.subgroupSize >= 4 && device.subgroupSize <= 32;

/** `rows` × (4 · S · `vectors`) of C per subgroup, at most `depth` of K in a step. */
export function broadcastVariant(rows: number, vectors: number, depth: Depth): Variant<MatmulOptions> {
  const depths = ([4, 2, 1] as const).filter((possible) => possible <= depth);
  return {
    name: `broadcast ${rows}×${vectors}×${depth}`,
    fits: (device, { groupOfTile, bTransposed = false }) =>
      !bTransposed &&
      canBroadcast(device) &&
      rows % device.subgroupSize === 0 &&
      (!groupOfTile || GROUP_ROWS % rows === 0),
    plan: ({ subgroupSize: S }, options) => {
      const kernel = kernelOf({ S, rows, vectors, operands: operandsOf(options, depths) });
      return launchOf(kernel, options, sizesOf({ rows, vectors: S * vectors }, options));
    },
  };
}
