/**
 * Products on the matrix units of a GPU: f16 operands, f32 sums (Dawn's experimental `subgroup_matrix`). One workgroup
 * is one subgroup; it copies a tile of A and one of B, rounded to half precision, into workgroup memory, multiplies
 * them fragment by fragment, and writes its sums through workgroup memory to the common epilogue.
 *
 * Only where the device allows products of half precision, and only a configuration that the adapter reports.
 */
import type { Device } from '../../gpu/device.ts';
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

/** The sizes of a fragment: (M,K) times (K,N). */
interface Fragment {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Return the fragment that the adapter's matrix units multiply in f16 and add in f32, if it has any. */
function fragmentOf({ gpu, info }: Pick<Device, 'gpu' | 'info'>): Fragment | undefined {
  if (!gpu.features.has('chromium-experimental-subgroup-matrix' as GPUFeatureName)) return undefined;
  const { subgroupMatrixConfigs = [] } = info as GPUAdapterInfo & {
    subgroupMatrixConfigs?: readonly (Fragment & { componentType: string; resultComponentType: string })[];
  };
  return [...subgroupMatrixConfigs].find(
    ({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32',
  );
}

interface Form {
  /** Lanes of the subgroup. */
  readonly S: number;
  /** Size of a tile of C. */
  readonly rows: number;
  readonly columns: number;
  readonly fragment: Fragment;
  readonly operands: Operands;
}

/** Make the kernel of a form. */
export const subgroupMatrixKernel = memoize(({ S, rows, columns, fragment: { M, N, K }, operands }: Form) => {
  const { depth } = operands;
  const vectors = columns / 4;
  const { store, locate, ...bindings } = matmulInterface(operands, { rows, vectors });
  const [down, across] = [rows / M, columns / N];
  const each = (text: (i: number, j: number) => string) =>
    unroll(down, (i) => unroll(across, (j) => text(i, j)));
  return defineKernel({
    ...bindings,
    name: `${title(operands)} subgroup matrix ${rows}×${columns}, ${M}×${N}×${K}`,
    enables: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'],
    code: `${store}
var<workgroup> tileA: array<f16, ${rows * K}>;
var<workgroup> tileB: array<f16, ${K * columns}>;
var<workgroup> tileC: array<f32, ${rows * columns}>;
// The compiler cannot see that all lanes of the only subgroup arrive together.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
@compute @workgroup_size(${S})
fn main(${THREAD_ARGS}) {${locate}
  ${each((i, j) => `var sum${i}_${j}: subgroup_matrix_result<f32, ${N}, ${M}>;`)}
  for (var k0 = 0u; k0 < params.K; k0 += ${K}) {
    for (var i = thread; i < ${rows * K}; i += ${S}) {
      let r = i / ${K};
      let k = k0 + i % ${K};
      let at = (aRow + min(row + r, params.M - 1)) * params.K + min(k, params.K - 1);
      tileA[i] = f16(select(0.0, ${depth === 4 ? 'a[at / 4][at % 4]' : 'a[at]'}, k < params.K));
    }
    for (var i = thread; i < ${K * vectors}; i += ${S}) {
      let k = k0 + i / ${vectors};
      let value = vec4h(b[base + min(k, params.K - 1) * width + min(firstColumn + i % ${vectors}, width - 1)]);
      ${unroll(4, (u) => `tileB[i * 4 + ${u}] = value[${u}];`)}
    }
    workgroupBarrier();
    ${unroll(down, (i) => `let left${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${K}, ${M}>>(&tileA, ${i * M * K}, false, ${K});`)}
    ${unroll(across, (j) => `let right${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, ${N}, ${K}>>(&tileB, ${j * N}, false, ${columns});`)}
    ${each((i, j) => `sum${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, sum${i}_${j});`)}
    workgroupBarrier();
  }
  ${each((i, j) => `subgroupMatrixStore(&tileC, ${i * M * columns + j * N}, sum${i}_${j}, false, ${columns});`)}
  workgroupBarrier();
  for (var i = thread; i < ${rows * vectors}; i += ${S}) {
    let product = vec4f(tileC[i * 4], tileC[i * 4 + 1], tileC[i * 4 + 2], tileC[i * 4 + 3]);
    let column = firstColumn + i % ${vectors};
    store(row + i / ${vectors}, column, product + biasAt(column, expert), batch);
  }
}`,
  });
});

/** rows × columns of C per subgroup. */
export function subgroupMatrixVariant(rows: number, columns: number): Variant<MatmulOptions> {
  return {
    name: `subgroup matrix ${rows}×${columns}`,
    half: true,
    fits: (device, { groupOfTile }) => {
      const fragment = fragmentOf(device);
      if (!fragment || !device.halfProducts || device.subgroupSize === 0) return false;
      const bytes = (rows * fragment.K + fragment.K * columns) * 2 + rows * columns * 4;
      return (
        rows % fragment.M === 0 &&
        columns % fragment.N === 0 &&
        bytes <= device.limits.maxComputeWorkgroupStorageSize &&
        (!groupOfTile || GROUP_ROWS % rows === 0)
      );
    },
    plan: (device, options) => {
      const fragment = fragmentOf(device);
      if (!fragment) throw new Error('the adapter has no f16 matrix units');
      const operands = operandsOf(options);
      const { M, N, K } = fragment;
      const form = { S: device.subgroupSize, rows, columns, fragment: { M, N, K }, operands };
      return launchOf(subgroupMatrixKernel(form), options, sizesOf({ rows, vectors: columns / 4 }, options));
    },
  };
}
