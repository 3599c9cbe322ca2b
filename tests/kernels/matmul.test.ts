/** Every variant of the matrix product against float64, at shapes that fit no tile, with every epilogue. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan, type Variant } from '../../src/gpu/variants.ts';
import { GROUP_ROWS, type MatmulOptions, matmulFamily } from '../../src/kernels/matmul/index.ts';
import { openDevice, variantsToTest } from '../device.ts';
import { erfc } from '../oracle/special.ts';

let exact: Device;
let half: Device;
beforeAll(async () => {
  exact = await openDevice();
  half = await openDevice({ matmulPrecision: 'medium' });
});
afterAll(() => {
  exact.destroy();
  half.destroy();
});

/** Deterministic values in [-1, 1) that no half represents exactly. */
function values(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

interface Problem {
  readonly M: number;
  readonly K: number;
  readonly N: number;
  readonly epilogue: readonly ('bias' | 'gelu' | 'residual')[];
  readonly groups?: readonly number[];
  readonly batches?: { readonly count: number; readonly sharedA: boolean };
}

const ALL = ['bias', 'gelu', 'residual'] as const;
/** A few combinations of epilogue and divisibility, since each compiles a kernel for every variant. */
const PROBLEMS: readonly Problem[] = [
  { M: 1, K: 1, N: 1, epilogue: ALL },
  { M: 33, K: 17, N: 57, epilogue: ALL },
  { M: 70, K: 36, N: 68, epilogue: ['bias'] },
  { M: 130, K: 64, N: 132, epilogue: ['bias'] },
  { M: 19, K: 12, N: 8, epilogue: ['bias'], batches: { count: 3, sharedA: false } },
  { M: 35, K: 4, N: 12, epilogue: ['bias'], batches: { count: 2, sharedA: true } },
  { M: 3 * GROUP_ROWS, K: 20, N: 24, epilogue: ['bias'], groups: [2, 0, 2] },
];

/** Run a variant and compare its results with sums in float64. */
async function check(device: Device, variant: Variant<MatmulOptions>, problem: Problem): Promise<void> {
  const { M, K, N, epilogue, groups, batches = { count: 1, sharedA: false } } = problem;
  const [P, B] = [Math.ceil(N / 4) * 4, batches.count];
  const experts = groups ? Math.max(...groups) + 1 : 1;
  const a = values((batches.sharedA ? 1 : B) * M * K, 1);
  const right = values(Math.max(experts, B) * K * N, 2);
  const bias = values(experts * N, 3);
  const residual = values(B * M * N, 4);
  const padded = new Float32Array(Math.max(experts, B) * K * P);
  for (let row = 0; row < right.length / N; row++)
    padded.set(right.subarray(row * N, (row + 1) * N), row * P);
  using _ = device.scope();
  const put = (data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): BufferView => {
    const view = device.allocate(data.byteLength);
    device.upload(view, data);
    return view;
  };
  const c = device.allocate(B * M * N * 4);
  const pre = epilogue.includes('gelu') ? device.allocate(B * M * N * 4) : undefined;
  const options: MatmulOptions = {
    ...{ a: put(a), b: put(padded), c, M, N, K, pre },
    bias: epilogue.includes('bias') ? put(bias) : undefined,
    residual: epilogue.includes('residual') ? put(residual) : undefined,
    groupOfTile: groups && put(new Uint32Array(groups)),
    ...(problem.batches ? { batches } : {}),
  };
  if (!variant.fits(device, options)) return;
  launchPlan(device, variant.plan(device, options));
  const found = new Float32Array(await device.read(c)).subarray(0, B * M * N);
  const foundPre = pre && new Float32Array(await device.read(pre)).subarray(0, B * M * N);
  // A sum of K products of magnitude at most 1, each rounded; halves round each operand by 2^-11 as well.
  const epsilon = variant.half ? 2 ** -10 : 2 ** -23;
  const bound = epsilon * (K + 4) + 2 ** -20;
  for (let batch = 0; batch < B; batch++) {
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        const expert = groups?.[Math.floor(m / GROUP_ROWS)] ?? 0;
        const matrix = groups ? expert : batch;
        const at = (batch * M + m) * N + n;
        let sum = 0;
        for (let k = 0; k < K; k++) {
          sum +=
            (a[((batches.sharedA ? 0 : batch) * M + m) * K + k] ?? 0) *
            (right[(matrix * K + k) * N + n] ?? 0);
        }
        if (epilogue.includes('bias')) sum += bias[expert * N + n] ?? 0;
        if (foundPre) expect(Math.abs((foundPre[at] ?? Number.NaN) - sum)).toBeLessThan(bound);
        if (epilogue.includes('gelu')) sum *= erfc(-sum / Math.SQRT2) / 2;
        if (epilogue.includes('residual')) sum += residual[at] ?? 0;
        expect(Math.abs((found[at] ?? Number.NaN) - sum), `(${batch},${m},${n})`).toBeLessThan(bound);
      }
    }
  }
}

const showProblem = ({ M, K, N, epilogue, groups, batches }: Problem): string =>
  `${M}×${K}×${N} ${epilogue.join('+')}${groups ? ' grouped' : ''}${batches ? ` ×${batches.count}` : ''}`;

describe.each(variantsToTest(matmulFamily.variants))('$name', (variant) => {
  test.each(PROBLEMS.map((problem) => ({ problem, shape: showProblem(problem) })))('$shape', ({ problem }) =>
    check(variant.half ? half : exact, variant, problem),
  );
});

test('half precision is used only where it was allowed', () => {
  const options = { M: 64, N: 64, K: 64 } as MatmulOptions;
  const names = (device: Device) =>
    matmulFamily.variants.filter(({ fits }) => fits(device, options)).map(({ name }) => name);
  expect(names(exact).filter((name) => /f16|subgroup matrix/.test(name))).toEqual([]);
  if (half.gpu.features.has('shader-f16'))
    expect(names(half).some((name) => name.endsWith('f16'))).toBe(true);
});
