/** Every variant of the transposed product against float64: odd shapes, one-hot, grouped, with the column sums. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan, type Variant } from '../../src/gpu/variants.ts';
import { matmulOuterFamily } from '../../src/kernels/matmulOuter/index.ts';
import { type OuterOptions, partSize, SPLIT_ROWS } from '../../src/kernels/matmulOuter/interface.ts';
import { openDevice, variantsToTest } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

interface Problem {
  readonly R: number;
  readonly M: number;
  readonly N: number;
  readonly oneHot?: boolean;
  readonly ranges?: readonly (readonly [number, number])[];
}

const PROBLEMS: readonly Problem[] = [
  { R: 1, M: 1, N: 4 },
  { R: SPLIT_ROWS + 3, M: 57, N: 36 },
  { R: 2 * SPLIT_ROWS + 1, M: 68, N: 132 },
  { R: 70, M: 37, N: 20, oneHot: true },
  {
    R: 96,
    M: 40,
    N: 12,
    ranges: [
      [64, 96],
      [0, 0],
      [0, 61],
    ],
  },
];

async function check(variant: Variant<OuterOptions>, { R, M, N, oneHot, ranges }: Problem): Promise<void> {
  const scale = 0.75;
  const ids = Uint32Array.from({ length: R }, (_, r) => (r * 7) % (M + 2));
  const a = Float32Array.from({ length: R * M }, (_, i) =>
    oneHot ? (ids[Math.floor(i / M)] === i % M ? scale : 0) : Math.fround(Math.sin(i)),
  );
  const b = Float32Array.from({ length: R * N }, (_, i) => Math.fround(Math.cos(3 * i)));
  const parts =
    ranges ??
    Array.from({ length: Math.ceil(R / SPLIT_ROWS) }, (_, part): readonly [number, number] => [
      part * SPLIT_ROWS,
      Math.min((part + 1) * SPLIT_ROWS, R),
    ]);
  using _ = device.scope();
  const put = (data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): BufferView => {
    const view = device.allocate(data.byteLength);
    device.upload(view, data);
    return view;
  };
  const stride = partSize(M, N);
  const result = device.allocate(parts.length * stride * 4);
  const options: OuterOptions = {
    ...{ b: put(b), parts: result, count: parts.length, columnSums: true, R, M, N },
    a: put(oneHot ? ids : a),
    oneHotScale: oneHot ? scale : undefined,
    ranges: ranges && put(new Uint32Array(ranges.flat())),
  };
  if (!variant.fits(device, options)) return;
  launchPlan(device, variant.plan(device, options));
  const found = new Float32Array(await device.read(result));
  parts.forEach(([first, end], part) => {
    const bound = 2 ** -23 * (end - first + 4);
    for (let m = 0; m < M; m++) {
      let columnSum = 0;
      for (let r = first; r < end; r++) columnSum += a[r * M + m] ?? 0;
      const at = part * stride + M * N + m;
      expect(Math.abs((found[at] ?? Number.NaN) - columnSum), `sum ${m}`).toBeLessThanOrEqual(bound);
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let r = first; r < end; r++) sum += (a[r * M + m] ?? 0) * (b[r * N + n] ?? 0);
        const value = found[part * stride + m * N + n] ?? Number.NaN;
        expect(Math.abs(value - sum), `part ${part} (${m},${n})`).toBeLessThanOrEqual(bound);
      }
    }
  });
}

describe.each(variantsToTest(matmulOuterFamily.variants))('$name', (variant) => {
  test.each(
    PROBLEMS.map((problem) => ({
      problem,
      shape: `${problem.R}×${problem.M}×${problem.N}${problem.oneHot ? ' one-hot' : ''}${problem.ranges ? ' grouped' : ''}`,
    })),
  )('$shape', ({ problem }) => check(variant, problem));
});
