/** Every variant of the transposed product against float64: odd shapes, one-hot, grouped, with the column sums. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan, type Variant } from '../../src/gpu/variants.ts';
import { matmulOuterFamily } from '../../src/kernels/matmulOuter/index.ts';
import { type OuterOptions, partSize, SPLIT_ROWS } from '../../src/kernels/matmulOuter/interface.ts';
import { splitOf, tileSide, tilesOf } from '../../src/kernels/matmulOuter/split.ts';
import { openDevice, variantsToTest } from '../device.ts';

let device: Device;
beforeAll(async () => {
  // Of the class that broadcasts are for, too.
  device = await openDevice({ adapterClass: 'cpu' });
});
afterAll(() => device.destroy());

interface Problem {
  readonly R: number;
  readonly M: number;
  readonly N: number;
  readonly oneHot?: boolean;
  readonly ranges?: readonly (readonly [number, number])[];
  /** Rows of a part, or with ranges parts of a group. */
  readonly partRows?: number;
  readonly splits?: number;
}

const PROBLEMS: readonly Problem[] = [
  { R: 1, M: 1, N: 4 },
  { R: SPLIT_ROWS + 3, M: 57, N: 36 },
  { R: 2 * SPLIT_ROWS + 1, M: 68, N: 132 },
  { R: 150, M: 65, N: 8, partRows: 64 },
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
  {
    R: 96,
    M: 5,
    N: 68,
    splits: 3,
    ranges: [
      [64, 96],
      [0, 0],
      [0, 1],
      [3, 61],
    ],
  },
];

/** The parts of a range: as many as asked for, of equal length but for the last ones. */
function divided([first, end]: readonly [number, number], splits: number): [number, number][] {
  const share = Math.ceil((end - first) / splits);
  return Array.from({ length: splits }, (_, part) => [
    Math.min(first + part * share, end),
    Math.min(first + (part + 1) * share, end),
  ]);
}

async function check(variant: Variant<OuterOptions>, problem: Problem): Promise<void> {
  const { R, M, N, oneHot, ranges, partRows = SPLIT_ROWS, splits = 1 } = problem;
  const scale = 0.75;
  const ids = Uint32Array.from({ length: R }, (_, r) => (r * 7) % (M + 2));
  const a = Float32Array.from({ length: R * M }, (_, i) =>
    oneHot ? (ids[Math.floor(i / M)] === i % M ? scale : 0) : Math.fround(Math.sin(i)),
  );
  const b = Float32Array.from({ length: R * N }, (_, i) => Math.fround(Math.cos(3 * i)));
  const parts =
    ranges?.flatMap((range) => divided(range, splits)) ??
    Array.from({ length: Math.ceil(R / partRows) }, (_, part): [number, number] => [
      part * partRows,
      Math.min((part + 1) * partRows, R),
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
    ...{ b: put(b), parts: result, count: parts.length, columnSums: true, R, M, N, partRows, splits },
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
      shape: `${problem.R}×${problem.M}×${problem.N}${problem.oneHot ? ' one-hot' : ''}${problem.ranges ? ' grouped' : ''}${problem.splits ? ` ×${problem.splits}` : ''}`,
    })),
  )('$shape', ({ problem }) => check(variant, problem));
});

test('broadcasts are tested where there are subgroups for them', () => {
  const options = { R: 8, M: 8, N: 8 } as OuterOptions;
  const fitting = matmulOuterFamily.variants.filter(({ fits }) => fits(device, options));
  const lanes = device.subgroupSize >= 4 && device.subgroupSize <= 32;
  expect(fitting.some(({ name }) => name.startsWith('broadcast'))).toBe(lanes);
});

const size = fc.integer({ min: 1, max: 4096 });
const groups = fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined });

test('the parts cover all rows, and fill a GPU where there are rows enough', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1 << 20 }), size, size, groups, (R, M, N, groups) => {
      const shape = { R, M, N, groups };
      const { count, partRows, splits } = splitOf({ adapterClass: 'gpu' }, shape);
      expect(count).toBe((groups ?? 1) * splits);
      expect(splits * partRows).toBeGreaterThanOrEqual(Math.ceil(R / (groups ?? 1)));
      expect(partRows).toBeLessThanOrEqual(1024);
      const workgroups = count * tilesOf(tileSide(shape), shape);
      if (partRows > 64) expect(workgroups).toBeGreaterThanOrEqual(128);
    }),
  );
});

test('the parts of an adapter that computes on a CPU do not depend on tiles', () => {
  for (const adapterClass of ['wasm', 'cpu'] as const) {
    const split = splitOf({ adapterClass }, { R: SPLIT_ROWS + 1, M: 64, N: 64 });
    expect(split).toEqual({ count: 2, partRows: SPLIT_ROWS, splits: 2 });
    const grouped = splitOf({ adapterClass }, { R: 4096, M: 64, N: 64, groups: 3 });
    expect(grouped).toMatchObject({ count: 3, splits: 1 });
  }
});
