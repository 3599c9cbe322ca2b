/** Every variant of the matrix product against float64, at shapes that fit no tile, with every epilogue. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { chosenVariant, launchPlan, type Variant } from '../../src/gpu/variants.ts';
import { GPU_VARIANTS, gpuChoice } from '../../src/kernels/matmul/gpuChoice.ts';
import { GROUP_ROWS, type MatmulOptions, matmulFamily } from '../../src/kernels/matmul/index.ts';
import { productCase } from '../../src/kernels/tuningCases.ts';
import { openDevice, randomCases, variantsToTest } from '../device.ts';
import { erfc } from '../oracle/special.ts';

let exact: Device;
let half: Device;
beforeAll(async () => {
  // Of the class that broadcasts are for, too.
  exact = await openDevice({ adapterClass: 'cpu' });
  half = await openDevice({ adapterClass: 'cpu', matmulPrecision: 'medium' });
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

/** Φ(x) + x·φ(x). */
const geluDerivative = (x: number): number =>
  erfc(-x / Math.SQRT2) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);

interface Problem {
  readonly M: number;
  readonly K: number;
  readonly N: number;
  readonly epilogue: readonly ('bias' | 'gelu' | 'residual' | 'derivative')[];
  readonly groups?: readonly number[];
  readonly batches?: { readonly count: number; readonly sharedA: boolean };
  readonly bTransposed?: boolean;
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
  { M: 3, K: 0, N: 8, epilogue: ['bias'] },
  { M: 1, K: 3, N: 1, epilogue: ['bias'], bTransposed: true },
  { M: 70, K: 36, N: 67, epilogue: ALL, bTransposed: true },
  { M: 37, K: 17, N: 132, epilogue: ['residual'], bTransposed: true },
  { M: 5, K: 140, N: 9, epilogue: ['bias'], batches: { count: 2, sharedA: false }, bTransposed: true },
  { M: 35, K: 4, N: 12, epilogue: ['bias'], batches: { count: 3, sharedA: true }, bTransposed: true },
  { M: 3 * GROUP_ROWS, K: 20, N: 25, epilogue: ['bias'], groups: [2, 0, 2], bTransposed: true },
  { M: 33, K: 17, N: 57, epilogue: ['derivative'] },
  { M: 34, K: 12, N: 20, epilogue: ['residual', 'derivative'] },
  { M: 2 * GROUP_ROWS, K: 20, N: 24, epilogue: ['derivative'], groups: [1, 0] },
  { M: 70, K: 36, N: 68, epilogue: ['derivative'], bTransposed: true },
];

/** Run a variant and compare its results with sums in float64. */
async function check(device: Device, variant: Variant<MatmulOptions>, problem: Problem): Promise<void> {
  const { M, K, N, epilogue, groups, batches = { count: 1, sharedA: false }, bTransposed } = problem;
  const [P, B] = [Math.ceil(N / 4) * 4, batches.count];
  const experts = groups ? Math.max(...groups) + 1 : 1;
  const a = values((batches.sharedA ? 1 : B) * M * K, 1);
  const right = values(Math.max(experts, B) * K * N, 2);
  const bias = values(experts * N, 3);
  const residual = values(B * M * N, 4);
  const before = values(B * M * N, 5).map((value) => 4 * value);
  const columns = bTransposed ? N : P;
  const stored = new Float32Array(Math.max(experts, B) * K * columns);
  right.forEach((value, i) => {
    const [row, n] = [Math.floor(i / N), i % N];
    stored[bTransposed ? (Math.floor(row / K) * N + n) * K + (row % K) : row * P + n] = value;
  });
  using _ = device.scope();
  const put = (data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): BufferView => {
    const view = device.allocate(data.byteLength);
    device.upload(view, data);
    return view;
  };
  const c = device.allocate(B * M * N * 4);
  const pre = epilogue.includes('gelu') ? device.allocate(B * M * N * 4) : undefined;
  const options: MatmulOptions = {
    ...{ a: put(a), b: put(stored), bTransposed, c, M, N, K, pre },
    bias: epilogue.includes('bias') ? put(bias) : undefined,
    residual: epilogue.includes('residual') ? put(residual) : undefined,
    geluOf: epilogue.includes('derivative') ? put(before) : undefined,
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
        if (epilogue.includes('derivative')) sum *= geluDerivative(before[at] ?? 0);
        expect(Math.abs((found[at] ?? Number.NaN) - sum), `(${batch},${m},${n})`).toBeLessThan(bound);
      }
    }
  }
}

const showProblem = ({ M, K, N, epilogue, groups, batches, bTransposed }: Problem): string =>
  `${M}×${K}×${N} ${epilogue.join('+')}${groups ? ' grouped' : ''}${batches ? ` ×${batches.count}` : ''}${bTransposed ? ' Bᵀ' : ''}`;

describe.each(variantsToTest(matmulFamily.variants))('$name', (variant) => {
  test.each(PROBLEMS.map((problem) => ({ problem, shape: showProblem(problem) })))('$shape', ({ problem }) =>
    check(variant.half ? half : exact, variant, problem),
  );
});

test('broadcasts are tested where there are subgroups for them', () => {
  const fitting = matmulFamily.variants.filter(({ fits }) => fits(exact, shaped({ M: 64, N: 64, K: 64 })));
  const lanes = exact.subgroupSize >= 4 && exact.subgroupSize <= 32;
  expect(fitting.some(({ name }) => name.startsWith('broadcast'))).toBe(lanes);
});

const upTo = (max: number) => fc.integer({ min: 1, max });

test.each(variantsToTest(GPU_VARIANTS.filter(({ half }) => !half)))('$name at any shape', (variant) =>
  fc.assert(
    fc.asyncProperty(upTo(70), upTo(70), upTo(70), fc.boolean(), async (M, K, N, bTransposed) =>
      check(exact, variant, { M, K, N, epilogue: ['bias'], bTransposed }),
    ),
    { numRuns: randomCases(8) },
  ),
);

/** Operands of this shape; a plan binds no buffer. */
const shaped = (shape: object): MatmulOptions => shape as MatmulOptions;
const workgroupsOf = (device: Device, options: MatmulOptions): number => {
  const [x, y = 1, z = 1] = gpuChoice(device, options).plan(device, options).workgroups;
  return x * y * z;
};

test('a GPU without tuning uses a variant that fits, and that fills it where the shape allows', async () => {
  for (const adapterClass of ['gpu', 'nvidia'] as const) {
    const limits = { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 };
    const device = await openDevice({ adapterClass, limits });
    const batches = fc.option(fc.record({ count: upTo(64), sharedA: fc.boolean() }), { nil: undefined });
    const grouped = fc.constantFrom(undefined, {});
    fc.assert(
      fc.property(upTo(10_000), upTo(3000), upTo(3000), batches, grouped, (M, N, K, batches, groupOfTile) => {
        const options = shaped({ M, N, K, batches: groupOfTile ? undefined : batches, groupOfTile });
        for (const batchInvariant of [false, true]) {
          const either = { ...options, batchInvariant };
          expect(gpuChoice(device, either).fits(device, either)).toBe(true);
        }
      }),
    );
    for (const [M, N, K] of [
      [8192, 64, 256],
      [8192, 512, 512],
      [2048, 128, 32],
      [128, 2048, 512],
    ] as const) {
      expect(workgroupsOf(device, shaped({ M, N, K })), `${M}×${N}×${K}`).toBeGreaterThanOrEqual(256);
    }
    expect(workgroupsOf(device, shaped({ M: 128, N: 512, K: 512 }))).toBeGreaterThanOrEqual(128);
    device.destroy();
  }
});

test('batch-invariant products on a GPU: a row has the same bits alone, in a part and in every larger matrix', async () => {
  const device = await openDevice({ adapterClass: 'gpu' });
  const [N, K] = [68, 100];
  const size = 140;
  using _ = device.scope();
  const uploaded = (data: Float32Array<ArrayBuffer>): BufferView => {
    const view = device.allocate(data.byteLength);
    device.upload(view, data);
    return view;
  };
  const [rows, b, bias] = [values(size * K, 1), uploaded(values(N * K, 2)), uploaded(values(N, 3))];
  const names = new Set<string>();
  const product = async (first: number, M: number): Promise<Float32Array> => {
    const a = uploaded(rows.slice(first * K, (first + M) * K));
    const c = device.allocate(M * N * 4);
    const options = { a, b, bias, c, M, N, K, bTransposed: true, batchInvariant: true };
    names.add(chosenVariant(device, matmulFamily, options).name);
    launchPlan(device, chosenVariant(device, matmulFamily, options).plan(device, options));
    return new Float32Array(await device.read(c));
  };
  const whole = await product(0, size);
  // Of the tiles that only more rows take, too.
  for (const variant of matmulFamily.variants.filter(({ fits }) =>
    fits(device, shaped({ M: size, N, K, batchInvariant: true })),
  )) {
    const c = device.allocate(size * N * 4);
    const options = { a: uploaded(rows), b, bias, c, M: size, N, K, bTransposed: true, batchInvariant: true };
    launchPlan(device, variant.plan(device, options));
    names.add(variant.name);
    expect(new Float32Array(await device.read(c)), variant.name).toEqual(whole);
  }
  expect(names.size).toBe(3);
  for (const [first, M] of [
    [0, 1],
    [139, 1],
    [5, 4],
    [7, 130],
  ] as const) {
    expect(await product(first, M), `${M} rows from ${first}`).toEqual(
      whole.slice(first * N, (first + M) * N),
    );
  }
  device.destroy();
});

test('the tuner measures products with weights as layers make them', async () => {
  const device = await openDevice({ adapterClass: 'gpu' });
  const shape = { M: 8, N: 5, K: 12, weights: true };
  const classOf = (of: Device) => matmulFamily.shapeClass(productCase(shape).make(of));
  expect(classOf(device)).toBe('none Bᵀ K12 N5 M8');
  expect(classOf(exact)).toBe('none K12 N5 M8');
  device.destroy();
});

test('half precision is used only where it was allowed', () => {
  const options = { M: 64, N: 64, K: 64 } as MatmulOptions;
  const names = (device: Device) =>
    matmulFamily.variants.filter(({ fits }) => fits(device, options)).map(({ name }) => name);
  expect(names(exact).filter((name) => name.endsWith('f16'))).toEqual([]);
  if (half.gpu.features.has('shader-f16'))
    expect(names(half).some((name) => name.endsWith('f16'))).toBe(true);
});
