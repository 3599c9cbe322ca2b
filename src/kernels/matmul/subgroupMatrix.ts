/**
 * Products on the matrix units of a GPU (Dawn's experimental `subgroup_matrix`): f32 operands where the adapter has units for
 * them, as Apple's, or f16 operands where the device allows products of half precision; f32 sums in both. Only configurations
 * that the adapter reports.
 *
 * Four subgroups share a tile of 64×64; each has a quarter, in fragments. They copy tiles of A and B into workgroup memory,
 * while the loads of the next step are on their way to registers, and multiply them fragment by fragment. A transposed B is
 * copied as it is and read by columns. Sums go through workgroup memory, a row of fragments at a time, to the common epilogue.
 */
import type { Device } from '../../gpu/device.ts';
import { defineKernel, launchOf, THREAD_ARGS, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  loadsWgsl,
  type MatmulOptions,
  matmulInterface,
  type Operands,
  operandsOf,
  sizesOf,
  title,
} from './interface.ts';

/** Rows and columns of a workgroup's tile, and of a subgroup's quarter. */
const SIDE = 64;
const QUARTER = 32;
const SUBGROUPS = 4;
/** Of K at a time, unless a fragment has more. */
const STEP = 16;

/** Type of the operands. */
type Component = 'f32' | 'f16';

/** The sizes of a fragment: (M,K) times (K,N). */
interface Fragment {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

const stepOf = ({ K }: Fragment): number => Math.max(STEP, K);

/** Return the first fragment of the adapter's units for operands of this type and sums of f32 that divides the tiles. */
function fragmentOf({ gpu, info }: Pick<Device, 'gpu' | 'info'>, component: Component): Fragment | undefined {
  if (!gpu.features.has('chromium-experimental-subgroup-matrix' as GPUFeatureName)) return undefined;
  const { subgroupMatrixConfigs = [] } = info as GPUAdapterInfo & {
    subgroupMatrixConfigs?: readonly (Fragment & { componentType: string; resultComponentType: string })[];
  };
  return [...subgroupMatrixConfigs].find(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === component &&
      resultComponentType === 'f32' &&
      [QUARTER % M, QUARTER % N, stepOf({ M, N, K }) % K].every((rest) => rest === 0),
  );
}

const bytesOf = (fragment: Fragment, component: Component): number =>
  2 * SIDE * stepOf(fragment) * (component === 'f16' ? 2 : 4) + SUBGROUPS * fragment.M * QUARTER * 4;

interface Form {
  /** Lanes of a subgroup: a power of two. */
  readonly S: number;
  readonly component: Component;
  readonly fragment: Fragment;
  readonly operands: Operands;
}

/** Make the kernel of a form. */
export const subgroupMatrixKernel = memoize(({ S, component, fragment, operands }: Form) => {
  const { M, N, K } = fragment;
  const { transposed } = operands;
  const step = stepOf(fragment);
  const vectors = SIDE / 4;
  const { store, locate, ...bindings } = matmulInterface(operands, { rows: SIDE, vectors });
  const threads = SUBGROUPS * S;
  const [down, across] = [QUARTER / M, QUARTER / N];
  const each = (text: (i: number, j: number) => string) =>
    unroll(down, (i) => unroll(across, (j) => text(i, j)));
  const quads = step / 4;
  const shares = (SIDE * quads) / threads;
  const at = (q: number) => `(thread + ${q * threads})`;
  const loads = (k: string) =>
    unroll(
      shares,
      (q) => `nextA${q} = loadA(row + ${at(q)} / ${quads}, ${k} + ${at(q)} % ${quads} * 4, aRow);
    nextB${q} = ${
      transposed
        ? `loadColumn(firstColumn * 4 + ${at(q)} / ${quads}, ${k} + ${at(q)} % ${quads} * 4, matrix)`
        : `loadB(${k} + ${at(q)} / ${vectors}, firstColumn + ${at(q)} % ${vectors}, matrix)`
    };`,
    );
  const load = (side: 'left' | 'right', sizes: string, tile: string, order: string, stride: number) =>
    `subgroupMatrixLoad<subgroup_matrix_${side}<${component}, ${sizes}>, ${order}>(&${tile}, ${stride})`;
  const [leftStride, rightStride] = [step, transposed ? step : SIDE];
  const left = (i: number, k: number) =>
    load('left', `${K}, ${M}`, `tileA, (high + ${i * M}) * ${step} + ${k}`, 'row_major', leftStride);
  const right = (j: number, k: number) =>
    transposed
      ? load('right', `${N}, ${K}`, `tileB, (wide + ${j * N}) * ${step} + ${k}`, 'col_major', rightStride)
      : load('right', `${N}, ${K}`, `tileB, ${k * SIDE} + wide + ${j * N}`, 'row_major', rightStride);
  return defineKernel({
    ...bindings,
    name: `${title(operands)} subgroup matrix ${component} ${M}×${N}×${K}`,
    enables: [...(component === 'f16' ? ['f16'] : []), 'subgroups', 'chromium_experimental_subgroup_matrix'],
    code: `${store}${loadsWgsl(operands)}
var<workgroup> tileA: array<${component}, ${SIDE * step}>;
var<workgroup> tileB: array<${component}, ${SIDE * step}>;
var<workgroup> results: array<f32, ${SUBGROUPS * M * QUARTER}>;
// The compiler cannot see that all lanes of a subgroup arrive together.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(${threads})
fn main(${THREAD_ARGS}, @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32) {${locate}
  let matrix = expert + batch;
  let high = subgroup / 2 * ${QUARTER};
  let wide = subgroup % 2 * ${QUARTER};
  ${each((i, j) => `var sum${i}_${j}: subgroup_matrix_result<f32, ${N}, ${M}>;`)}
  ${unroll(shares, (q) => `var nextA${q}: vec4f; var nextB${q}: vec4f;`)}
  if (params.K > 0) {
    ${loads('0u')}
  }
  for (var k0 = 0u; k0 < params.K; k0 += ${step}) {
    ${unroll(
      shares,
      (q) => `{
      let a = vec4<${component}>(nextA${q});
      let b = vec4<${component}>(nextB${q});
      ${unroll(4, (u) => `tileA[${at(q)} * 4 + ${u}] = a[${u}]; tileB[${at(q)} * 4 + ${u}] = b[${u}];`)}
    }`,
    )}
    workgroupBarrier();
    ${loads(`k0 + ${step}`)}
    ${unroll(
      step / K,
      (s) => `{
      ${unroll(down, (i) => `let left${i} = ${left(i, s * K)};`)}
      ${unroll(across, (j) => `let right${j} = ${right(j, s * K)};`)}
      ${each((i, j) => `sum${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, sum${i}_${j});`)}
    }`,
    )}
    workgroupBarrier();
  }
  let first = subgroup * ${M * QUARTER};
  ${unroll(
    down,
    (i) => `
  ${unroll(across, (j) => `subgroupMatrixStore<row_major>(&results, first + ${j * N}, sum${i}_${j}, ${QUARTER});`)}
  workgroupBarrier();
  for (var i = lane; i < ${(M * QUARTER) / 4}; i += ${S}) {
    let at = first + i * 4;
    let product = vec4f(results[at], results[at + 1], results[at + 2], results[at + 3]);
    let column = firstColumn + wide / 4 + i % ${QUARTER / 4};
    store(row + high + ${i * M} + i / ${QUARTER / 4}, column, product + biasAt(column, expert), batch);
  }
  workgroupBarrier();`,
  )}
}`,
  });
});

/** See the head of this file. */
export function subgroupMatrixVariant(component: Component): Variant<MatmulOptions> {
  return {
    name: `subgroup matrix ${component}`,
    half: component === 'f16',
    fits: (device, { groupOfTile }) => {
      const fragment = fragmentOf(device, component);
      return (
        fragment !== undefined &&
        (component === 'f32' || device.halfProducts) &&
        device.subgroupSize > 0 &&
        SUBGROUPS * device.subgroupSize <= device.limits.maxComputeInvocationsPerWorkgroup &&
        bytesOf(fragment, component) <= device.limits.maxComputeWorkgroupStorageSize &&
        !groupOfTile
      );
    },
    plan: (device, options) => {
      const fragment = fragmentOf(device, component);
      if (!fragment) throw new Error(`the adapter has no matrix units for ${component}`);
      const { M, N, K } = fragment;
      const operands = operandsOf(options);
      const form = { S: device.subgroupSize, component, fragment: { M, N, K }, operands };
      return launchOf(
        subgroupMatrixKernel(form),
        options,
        sizesOf({ rows: SIDE, vectors: SIDE / 4 }, options),
      );
    },
  };
}
