/** Packed attention against the reference, which computes one sequence and head at a time. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { type AttentionOptions, attention, backward, Packing, Tensor } from '../../../src/tensor/index.ts';
import { ALL_VARIANTS, DEFAULT_LIMITS, largeTest, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { packedAttention } from '../../oracle/attention.ts';
import { expectClose } from '../../oracle/compare.ts';
import { alibiSlopes } from '../../oracle/transformer.ts';
import {
  type Computation,
  expectFiniteDifferences,
  expectSameAsOracle,
  random,
  summed,
} from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Heads {
  readonly headDim: number;
  /** As many as slopes unless given. */
  readonly heads?: number;
  /** As many as heads unless given. */
  readonly kvHeads?: number;
  readonly slopes?: readonly number[];
}

const countsOf = ({ slopes, heads = slopes?.length ?? 1, kvHeads = heads }: Heads) => ({ heads, kvHeads });

/** Columns of qkv. */
const columnsOf = (problem: Heads): number => {
  const { heads, kvHeads } = countsOf(problem);
  return (heads + 2 * kvHeads) * problem.headDim;
};

interface Problem extends Heads {
  readonly lengths: readonly number[];
  readonly seed: number;
  readonly scale?: number;
}

function computation({ lengths, seed, scale = 1, ...heads }: Problem): Computation {
  const packing = new Packing(lengths);
  const { slopes, ...counts } = heads;
  return {
    inputs: [random([packing.rows, columnsOf(heads)], seed, 0, scale)],
    gpu: ([qkv]) => {
      const { device } = qkv as Tensor;
      return attention(qkv as Tensor, packing, {
        ...(counts.heads === undefined ? {} : { heads: counts.heads }),
        ...(counts.kvHeads === undefined ? {} : { kvHeads: counts.kvHeads }),
        ...(slopes ? { slopes: Tensor.from(device, slopes) } : {}),
      });
    },
    oracle: ([qkv]) => packedAttention(qkv as oracle.Array64, lengths, { ...heads, ...countsOf(heads) }),
    // A key's gradient is a sum over all later queries of a group of heads.
    gradient: () => summed(Math.max(...lengths) * (countsOf(heads).heads / countsOf(heads).kvHeads), scale),
  };
}

/** Few that share keys or lack slopes: each is kernels of its own. */
const HEADS: readonly Heads[] = [
  ...[1, 2, 3].flatMap((count) => [4, 8, 16, 64].map((headDim) => ({ headDim, slopes: alibiSlopes(count) }))),
  { headDim: 4, heads: 3, kvHeads: 1, slopes: alibiSlopes(3) },
  ...[4, 8].flatMap((headDim) => [
    { headDim, heads: 2 },
    { headDim, heads: 4, kvHeads: 2 },
  ]),
];

// Either side of the tiles of 4, 8 and 32 rows.
const someLength = fc.constantFrom(1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 32, 33, 65);

describeOps('Packed attention', [
  {
    name: 'attention',
    dtypes: 'f32',
    runs: 36,
    cases: fc
      .record({
        lengths: fc.array(someLength, { minLength: 1, maxLength: 7 }),
        heads: fc.constantFrom(...HEADS),
        seed: fc.nat(),
      })
      .map(({ heads, ...rest }) => computation({ ...rest, ...heads })),
    small: computation({ lengths: [2, 1], headDim: 4, heads: 2, kvHeads: 1, seed: 6 }),
  },
]);

describe.each([
  ...ALL_VARIANTS,
  { variant: "portable, WebGPU's default limits", portableKernels: true, limits: DEFAULT_LIMITS },
])('$variant', (options) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(options);
  });
  afterAll(() => device.destroy());

  test('many short sequences, and one long one', async () => {
    const slopes = alibiSlopes(2);
    const lengths = Array.from({ length: 120 }, (_, i) => 1 + ((i * 7) % 5));
    await expectSameAsOracle(device, computation({ lengths, headDim: 8, slopes, seed: 1 }));
    await expectSameAsOracle(device, computation({ lengths: [150], headDim: 8, slopes, seed: 2 }));
  });

  test('the largest head that the broadcast variant takes', async () => {
    const [lengths, slopes] = [[9, 34], alibiSlopes(1)];
    await expectSameAsOracle(device, computation({ lengths, headDim: 32, slopes, seed: 3 }));
  });

  // Sequences beside the tiles of 16 and 32 rows and the blocks of 8; heads that fill their lanes, and that do not.
  test.each([24, 64, 96, 100, 256])('heads of %i', async (headDim) => {
    const [lengths, slopes] = [[5, 1, 33, 8, 1], alibiSlopes(2)];
    await expectSameAsOracle(device, computation({ lengths, headDim, slopes, seed: headDim }));
    const grouped = { heads: 4, kvHeads: 2 };
    await expectSameAsOracle(device, computation({ lengths, headDim, ...grouped, seed: headDim + 1 }));
  });

  test('key-value heads serve query heads in order: those of others change nothing', async () => {
    using _ = device.scope();
    const options = { heads: 6, kvHeads: 2 };
    const packing = new Packing([7, 3]);
    const { values, shape } = random([10, 80], 11);
    const changed = values.slice();
    // The second key head is columns 56 to 63, the second value head 72 to 79.
    for (let row = 0; row < 10; row++)
      for (const at of [56, 72]) changed.fill(5, row * 80 + at, row * 80 + at + 8);
    const out = async (rows: Float32Array<ArrayBuffer>) =>
      attention(Tensor.from(device, rows, shape), packing, options).data();
    const [before, after] = [await out(values), await out(changed)];
    const differs = Array.from({ length: 6 }, (_, head) =>
      before.some((x, i) => Math.floor((i % 48) / 8) === head && x !== after[i]),
    );
    expect(differs).toEqual([false, false, false, true, true, true]);
  });

  test('scores far apart neither overflow nor lose the winner', async () => {
    using _ = device.scope();
    // q·k reaches ±400: exp of it is not finite in f32, and the softmax is one-hot nearly everywhere.
    const problem = { lengths: [20], headDim: 8, slopes: [0.25, 0.5], seed: 4, scale: 12 };
    const { inputs, gpu, oracle: expected } = computation(problem);
    const [{ values, shape }] = inputs as [ReturnType<typeof random>];
    const y = gpu([Tensor.from(device, values, shape)]) as Tensor;
    const wanted = expected([oracle.array(values, shape)]) as oracle.Array64;
    // Scores near 400 are known to 3e-5, which is the relative error of their exp.
    expectClose(await y.data(), wanted.data, { rtol: 1e-4, atol: 2e-3 });
  });

  test('sequences do not see each other or the future', async () => {
    using _ = device.scope();
    const packing = new Packing([5, 40, 3]);
    const slopes = Tensor.from(device, alibiSlopes(2));
    const { values, shape } = random([48, 48], 5);
    const changed = values.slice();
    changed.fill(9, 30 * 48, 31 * 48);
    const out = async (rows: Float32Array<ArrayBuffer>) =>
      (await attention(Tensor.from(device, rows, shape), packing, { slopes }).data()) as Float32Array;
    const [before, after] = [await out(values), await out(changed)];
    const differs = Array.from({ length: 48 }, (_, row) =>
      before.subarray(row * 16, (row + 1) * 16).some((x, i) => x !== after[row * 16 + i]),
    );
    // Row 30 is in the second sequence, rows 5 to 44.
    expect(differs).toEqual(Array.from({ length: 48 }, (_, row) => row >= 30 && row < 45));
  });

  test('no rows, and sequences of none', async () => {
    using _ = device.scope();
    const slopes = Tensor.from(device, alibiSlopes(2));
    const nothing = Tensor.zeros(device, [0, 48]).requireGrad();
    const y = attention(nothing, new Packing([]), { slopes });
    expect(y.shape).toEqual([0, 16]);
    backward(y, Tensor.zeros(device, [0, 16]));
    expect((await y.data()).length).toBe(0);
    const { values, shape } = random([4, 48], 6);
    const x = Tensor.from(device, values, shape);
    const [gaps, dense] = [new Packing([0, 3, 0, 1]), new Packing([3, 1])];
    expect(await attention(x, gaps, { slopes }).data()).toEqual(await attention(x, dense, { slopes }).data());
  });

  largeTest('more tiles than one dimension of a dispatch holds', async () => {
    using _ = device.scope();
    const count = 65_600;
    // A sequence of one token attends to itself alone: its value is the result.
    const values = Float32Array.from({ length: count * 12 }, (_, i) => (i * 7) % 101);
    const qkv = Tensor.from(device, values, [count, 12]).requireGrad();
    const packing = new Packing(new Array<number>(count).fill(1));
    const out = attention(qkv, packing, { slopes: Tensor.from(device, [0.5]) });
    const actual = await out.data();
    backward(out, Tensor.from(device, actual as Float32Array<ArrayBuffer>, out.shape));
    const slopes = (await qkv.grad?.data()) as Float32Array;
    for (const row of [0, 1, 65_534, 65_535, 65_536, count - 1]) {
      const own = [...values.subarray(row * 12 + 8, row * 12 + 12)];
      expect([...actual.subarray(row * 4, row * 4 + 4)]).toEqual(own);
      expect([...slopes.subarray(row * 12 + 8, row * 12 + 12)]).toEqual(own);
    }
  });

  test('a packing serves several devices', async () => {
    const other = await openDevice(options);
    const packing = new Packing([3, 2]);
    const { values, shape } = random([5, 12], 7);
    const run = (on: Device) =>
      attention(Tensor.from(on, values, shape), packing, { slopes: Tensor.from(on, [0.5]) }).data();
    expect(await run(other)).toEqual(await run(device));
    other.destroy();
  });

  test('a packing outlives the scope it was first used in', async () => {
    const packing = new Packing([3, 9]);
    const { values, shape } = random([12, 24], 7);
    const run = async () => {
      using _ = device.scope();
      // The first allocation takes over the memory that the previous round released.
      Tensor.from(device, new Uint32Array(16).fill(7));
      const slopes = Tensor.from(device, alibiSlopes(1));
      return attention(Tensor.from(device, values, shape), packing, { slopes }).data();
    };
    const first = await run();
    for (let round = 0; round < 3; round++) expect(await run()).toEqual(first);
  });

  test('finite differences', async () => {
    const f = ([qkv]: readonly Tensor[]) => {
      const { device } = qkv as Tensor;
      return attention(qkv as Tensor, new Packing([2, 3]), {
        slopes: Tensor.from(device, alibiSlopes(2)),
      });
    };
    await expectFiniteDifferences(device, f, [random([5, 24], 8)]);
  });

  test('shapes that disagree are named', () => {
    using _ = device.scope();
    const slopes = Tensor.from(device, [0.5, 0.25]);
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    const run = (x: Tensor) => () => attention(x, new Packing([3]), { slopes });
    expect(run(zeros(4, 24))).toThrow(/attention: qkv \(4,24\) for 3 rows and 2 heads/);
    expect(run(zeros(3, 18))).toThrow(/attention: qkv \(3,18\)/);
    expect(run(zeros(24))).toThrow(/attention: qkv \(24\)/);
    const grouped = (options: AttentionOptions) => () => attention(zeros(3, 32), new Packing([3]), options);
    expect(grouped({ heads: 4, kvHeads: 3 })).toThrow(/attention: 3 kvHeads for 4 heads/);
    expect(grouped({ heads: 4, kvHeads: 1 })).toThrow(
      /\(3,32\) for 3 rows and 4 heads, 1 of keys and values/,
    );
    expect(grouped({ heads: 4, slopes })).toThrow(/attention: slopes \(2\) for 4 heads/);
    expect(grouped({})).toThrow(/attention: neither heads nor slopes/);
    expect(run(zeros(3, 2 * 3 * 260))).toThrow(/heads of 260 values; the kernels take up to 256/);
  });
});
