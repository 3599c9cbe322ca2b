/** The attention kernels for GPUs: every one, and the one each class of adapters chooses, against the float64 reference. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdapterClass } from '../../src/gpu/adapterClass.ts';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { type Family, launchPlan, namedVariant } from '../../src/gpu/variants.ts';
import {
  ATTENTION_TILE_ROWS,
  attentionForwardFamily,
  attentionKeyValueFamily,
  attentionQueryFamily,
  MAX_HEAD,
} from '../../src/kernels/attention/index.ts';
import type { AttentionOptions, AttentionShape } from '../../src/kernels/attention/shape.ts';
import {
  DEALS,
  heldOf,
  layoutOf,
  memoryOf,
  PASSES as STAGED_PASSES,
  type StagedLayout,
  threadsOf,
} from '../../src/kernels/attention/staged.ts';
import { countsOf, preferredDeal } from '../../src/kernels/attention/stagedVariants.ts';
import { defaultsOf } from '../../src/kernels/defaults.ts';
import { tilesOf } from '../../src/tensor/ops/packing.ts';
import { DEFAULT_LIMITS, isInterpreted, openDevice, randomCases } from '../device.ts';
import * as oracle from '../oracle/array.ts';
import { type AttentionHeads, packedAttention } from '../oracle/attention.ts';
import { normals, seeded } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

const GPUS = ['nvidia', 'amd', 'intel', 'apple', 'mobile', 'gpu'] as const;

interface Problem extends AttentionHeads {
  readonly lengths: readonly number[];
  readonly seed: number;
}

/** Return the largest difference between values and what is expected, relative to the largest expected. */
function difference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [off, largest] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs((found[i] ?? Number.NaN) - (expected[i] ?? 0));
    off = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(off, distance);
    largest = Math.max(largest, Math.abs(expected[i] ?? 0));
  }
  return off / largest;
}

/** Operands of a problem on the device, with the reference's results. */
function operandsOf(problem: Problem) {
  const { lengths, heads, kvHeads, headDim, slopes: values, seed } = problem;
  const R = lengths.reduce((sum, length) => sum + length, 0);
  const [d, columns] = [heads * headDim, (heads + 2 * kvHeads) * headDim];
  const upload = (data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): BufferView => {
    const view = device.allocate(data.byteLength);
    device.upload(view, data);
    return view;
  };
  const input = Float32Array.from(normals(seed, R * columns));
  const weights = Float32Array.from(normals(seed + 1, R * d));
  const qkv = oracle.array([...input], [R, columns], true);
  const out = packedAttention(qkv, lengths, problem);
  oracle.backward(oracle.sum(oracle.mul(out, oracle.array([...weights], [R, d]))));
  // Two empty tiles at the end, as padding has them.
  const tiles = Uint32Array.from([...tilesOf(lengths, ATTENTION_TILE_ROWS), ...new Array<number>(8).fill(0)]);
  const empty = (count: number): BufferView => upload(new Float32Array(count).fill(7));
  return {
    shape: {
      ...{ R, heads, kvHeads, headDim },
      slopes: values && upload(Float32Array.from(values)),
      tiles: upload(tiles),
      tileCount: tiles.length / 4,
    },
    buffers: {
      qkv: upload(input),
      dOut: upload(weights),
      out: empty(R * d),
      logSumExp: empty(R * heads),
      dQkv: empty(R * columns),
      delta: empty(R * heads),
    },
    expected: { out: out.data, dQkv: qkv.grad ?? [] },
    d,
    columns,
  };
}

type Operands = ReturnType<typeof operandsOf>;

const PASSES = [
  {
    family: attentionForwardFamily,
    pass: 'forward',
    reads: ['qkv'],
    writes: ['out', 'logSumExp'],
  },
  {
    family: attentionQueryFamily,
    pass: 'query',
    reads: ['qkv', 'out', 'dOut', 'logSumExp'],
    writes: ['dQkv', 'delta'],
  },
  {
    family: attentionKeyValueFamily,
    pass: 'keyValue',
    reads: ['qkv', 'dOut', 'logSumExp', 'delta'],
    writes: ['dQkv'],
  },
] as const;

/** True unless a driver compiles each kernel for seconds. */
const compilesFast = (): boolean => device.isWasm || isInterpreted;

/** Return the names of the variants for GPUs that take a problem. */
function namesOf({ family }: (typeof PASSES)[number], { shape, buffers }: Operands): string[] {
  const fitting = family.variants.filter(({ fits }) => fits(device, { shape, buffers }));
  return fitting.map(({ name }) => name).filter((name) => name.startsWith('staged'));
}

/** Compares all variants of a family, or those of `names`, with the reference; returns the names of those that fit. */
async function compare(
  { family, reads, writes }: (typeof PASSES)[number],
  { shape, buffers, expected, d, columns }: Operands,
  names: readonly string[],
): Promise<string[]> {
  const compared: string[] = [];
  const bound = Object.fromEntries([...reads, ...writes].map((name) => [name, buffers[name]]));
  const options: AttentionOptions = { shape, buffers: bound };
  const portable = await resultsOf(family, family.portable, options, writes);
  for (const name of names) {
    const found = await resultsOf(family, name, options, writes);
    if (!found || !portable) continue;
    compared.push(name);
    const label = `${family.name}, ${name}, ${JSON.stringify({ ...shape, slopes: shape.slopes !== undefined, tiles: 0 })}`;
    found.forEach((values, i) => {
      expect(difference(values, portable[i] ?? []), `${label}: ${writes[i]} of portable`).toBeLessThan(2e-5);
    });
    const [values = new Float32Array()] = found;
    const keep = (_: number, at: number): boolean => {
      if (family === attentionForwardFamily) return true;
      return at % columns < d === (family === attentionQueryFamily);
    };
    const reference = family === attentionForwardFamily ? expected.out : expected.dQkv;
    expect(
      difference([...values].filter(keep), Array.from(reference).filter(keep)),
      `${label}: reference`,
    ).toBeLessThan(2e-5);
  }
  return compared;
}

async function resultsOf(
  family: Family<AttentionOptions>,
  name: string,
  options: AttentionOptions,
  writes: readonly string[],
): Promise<Float32Array[] | undefined> {
  const variant = namedVariant(device, family, options, name);
  if (!variant) return undefined;
  const written = writes.map((each) => options.buffers[each] as BufferView);
  for (const view of written) device.clear(view);
  launchPlan(device, variant.plan(device, options));
  const results: Float32Array[] = [];
  for (const view of written) results.push(new Float32Array(await device.read(view)));
  return results;
}

const slopesOf = (heads: number): number[] => Array.from({ length: heads }, (_, i) => 0.5 / (i + 1));

describe.each([
  { heads: 2, kvHeads: 2, headDim: 4, alibi: true },
  { heads: 4, kvHeads: 2, headDim: 8, alibi: false },
  { heads: 2, kvHeads: 2, headDim: 16, alibi: true },
  { heads: 1, kvHeads: 1, headDim: 16, alibi: false },
  { heads: 3, kvHeads: 1, headDim: 20, alibi: true },
  { heads: 2, kvHeads: 1, headDim: 32, alibi: true },
  { heads: 1, kvHeads: 1, headDim: 48, alibi: true },
  { heads: 2, kvHeads: 1, headDim: 64, alibi: false },
  { heads: 2, kvHeads: 2, headDim: 96, alibi: true },
  { heads: 1, kvHeads: 1, headDim: 128, alibi: true },
  { heads: 1, kvHeads: 1, headDim: 256, alibi: false },
])('$heads heads of $headDim, $kvHeads of keys, slopes $alibi', ({ alibi, ...heads }) => {
  test('every variant agrees with the reference and with the portable variant', async () => {
    using _ = device.scope();
    const lengths = heads.headDim > 64 ? [1, 40, 17] : [1, 5, 31, 32, 33, 70];
    const slopes = alibi ? slopesOf(heads.heads) : undefined;
    const operands = operandsOf({ ...heads, slopes, lengths, seed: heads.headDim });
    for (const pass of PASSES) {
      const names = namesOf(pass, operands);
      const tested = compilesFast() || heads.headDim === 64 ? names : names.slice(-1);
      expect(await compare(pass, operands, tested), pass.family.name).toEqual(tested);
      expect(names.length).toBeGreaterThanOrEqual(2);
    }
  });
});

/** Small problems of all kinds of heads; the interpreter takes long for more. */
const problems = fc.record({
  lengths: fc.array(fc.constantFrom(1, 2, 15, 16, 17, 31, 33, 64, 65), { minLength: 1, maxLength: 4 }),
  counts: fc.constantFrom([1, 1], [2, 2], [3, 3], [4, 4], [2, 1], [3, 1], [4, 2], [6, 2]),
  headDim: fc.constantFrom(4, 8, 16, 20, 32, 48, 64, 96, 128, 256),
  alibi: fc.boolean(),
  seed: fc.nat(1e6),
});

test('random heads and lengths: a variant of each family agrees with the reference', async () => {
  const property = fc.asyncProperty(
    problems,
    fc.nat(5),
    async ({ lengths, counts, headDim, alibi, seed }, pick) => {
      using _ = device.scope();
      const [heads = 1, kvHeads = 1] = counts;
      const most = headDim >= 64 ? 2 : 4;
      const operands = operandsOf({
        ...{ heads, kvHeads, headDim, seed, lengths: lengths.slice(0, most) },
        slopes: alibi ? slopesOf(heads) : undefined,
      });
      for (const pass of PASSES) {
        const names = namesOf(pass, operands);
        const name = names[pick % names.length] ?? 'none';
        expect(await compare(pass, operands, [name])).toEqual([name]);
      }
    },
  );
  await fc.assert(property, { ...seeded, numRuns: randomCases(device.isWasm ? 24 : 5) });
});

describe('long sequences', () => {
  test('chunks from both ends of a sequence share a workgroup, and every row is computed once', async () => {
    using _ = device.scope();
    // 1 to 9 chunks of 32 rows; of 64 rows, half as many.
    const lengths = isInterpreted ? [97, 130, 159] : [97, 130, 159, 1, 200, 224, 257, 64, 288];
    const operands = operandsOf({ heads: 2, kvHeads: 2, headDim: 8, lengths, seed: 5 });
    for (const pass of PASSES) {
      const names = ['staged 1×2', 'staged 2×2', 'staged 4×2'];
      expect(namesOf(pass, operands)).toEqual(names);
      expect(await compare(pass, operands, names)).toEqual(names);
    }
  });
});

describe('the choice', () => {
  const shapeOf = (headDim: number, R = 8192): AttentionShape => {
    const view = device.allocate(4);
    return { R, heads: 4, kvHeads: 4, headDim, slopes: view, tiles: view, tileCount: Math.ceil(R / 32) };
  };
  const on = (adapterClass: AdapterClass): Device =>
    Object.create(device, { adapterClass: { value: adapterClass }, limits: { value: DEFAULT_LIMITS } });

  test('every head has a kernel on every class of GPUs, within its registers, 128 threads and 16 KB', () => {
    using _ = device.scope();
    for (const adapterClass of GPUS)
      for (let headDim = 4; headDim <= MAX_HEAD; headDim += 4)
        for (const { family, pass } of PASSES) {
          const shape = shapeOf(headDim);
          const name = family.prefer(on(adapterClass), { shape, buffers: {} });
          expect(name, `${adapterClass} ${headDim} ${family.name}`).toMatch(/^staged/);
          const deal = DEALS.find(({ own, held }) => name === `staged ${own}×${held}`);
          const layout = layoutOf(deal ?? { own: 0, held: 1 }, STAGED_PASSES[pass], shape);
          expect(threadsOf(layout)).toBeGreaterThanOrEqual(64);
          expect(threadsOf(layout)).toBeLessThanOrEqual(128);
          expect(memoryOf(layout, STAGED_PASSES[pass])).toBeLessThanOrEqual(16_384);
          const counts = countsOf(layout, STAGED_PASSES[pass], shape);
          const smallest = heldOf(layout) <= 2 && layout.own === 1;
          if (!smallest && headDim <= 128)
            expect(counts.registers).toBeLessThanOrEqual(defaultsOf({ adapterClass }).room.registers);
        }
  });

  test('few rows give a thread fewer of them, in blocks of the same order', () => {
    using _ = device.scope();
    for (const { pass } of PASSES) {
      const staged = STAGED_PASSES[pass];
      for (const headDim of [8, 16, 64, 96]) {
        const [few, many] = [64, 1 << 17].map((R) => {
          const shape = shapeOf(headDim, R);
          const deal = preferredDeal(on('nvidia'), pass, shape, defaultsOf({ adapterClass: 'nvidia' }).room);
          return layoutOf(deal ?? { own: 0, held: 1 }, staged, shape);
        }) as [StagedLayout, StagedLayout];
        expect(few.own).toBe(1);
        expect(many.own).toBeGreaterThanOrEqual(few.own);
        expect([few.lanes, few.block]).toEqual([many.lanes, many.block]);
      }
    }
  });

  test('the adapters that compute on the CPU keep their kernels', () => {
    using _ = device.scope();
    for (const adapterClass of ['wasm', 'cpu'] as const)
      for (const { family } of PASSES) {
        const options = { shape: shapeOf(16), buffers: {} };
        const fitting = family.variants.filter(({ fits }) => fits(on(adapterClass), options));
        expect(fitting.filter(({ name }) => name.startsWith('staged'))).toEqual([]);
      }
  });
});

test('the rows of a thread do not change a bit', async () => {
  using _ = device.scope();
  const operands = operandsOf({
    heads: 2,
    kvHeads: 2,
    headDim: 16,
    slopes: [0.5, 0.25],
    lengths: [70, 33],
    seed: 9,
  });
  for (const { family, writes } of PASSES) {
    const options = { shape: operands.shape, buffers: operands.buffers };
    for (const held of [2, 4]) {
      const one = await resultsOf(family, `staged 1×${held}`, options, writes);
      const two = await resultsOf(family, `staged 2×${held}`, options, writes);
      expect(one).toBeDefined();
      expect(two).toEqual(one);
    }
  }
});
