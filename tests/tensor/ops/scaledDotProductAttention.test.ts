/** Attention of heads apart against the reference: masks, slopes, lengths that differ, and the fused way beside the other. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  backward,
  type ScaledDotProductAttentionOptions,
  scaledDotProductAttention,
  sum,
  Tensor,
} from '../../../src/tensor/index.ts';
import { ALL_VARIANTS, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { uniforms } from '../../oracle/random.ts';
import { type Computation, expectSameAsOracle, type Operand, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Problem {
  readonly lead: readonly number[];
  readonly heads: number;
  readonly T: number;
  readonly S: number;
  readonly D: number;
  readonly E: number;
  readonly causal?: boolean;
  readonly mask?: 'bool' | 'f32' | undefined;
  readonly alibi?: boolean;
  readonly scale?: number | undefined;
  readonly seed: number;
}

function computation(problem: Problem): Computation {
  const { lead, heads, T, S, D, E, causal = false, mask, alibi = false, scale, seed } = problem;
  const slopes = Float32Array.from({ length: heads }, (_, h) => 2 ** -(h + 1));
  const shape = [heads, T, S];
  const masks: Record<'bool' | 'f32', Operand> = {
    // Every third row or so sees nothing.
    bool: { values: Array.from(uniforms(seed + 3, heads * T * S), (u) => u > (S < 3 ? 0.6 : 0.4)), shape },
    f32: random(shape, seed + 3),
  };
  const given = { causal, ...(scale === undefined ? {} : { scale }) };
  return {
    inputs: [
      random([...lead, heads, T, D], seed),
      random([...lead, heads, S, D], seed + 1),
      random([...lead, heads, S, E], seed + 2),
      ...(mask ? [masks[mask]] : []),
    ],
    gpu: ([q, k, v, m]) => {
      const options: ScaledDotProductAttentionOptions = {
        ...given,
        ...(m ? { mask: m } : {}),
        ...(alibi ? { alibiSlopes: Tensor.from((q as Tensor).device, slopes) } : {}),
      };
      return scaledDotProductAttention(q as Tensor, k as Tensor, v as Tensor, options);
    },
    oracle: ([q, k, v, m]) =>
      oracle.attention(q as oracle.Array64, k as oracle.Array64, v as oracle.Array64, {
        ...given,
        ...(alibi ? { slopes } : {}),
        ...(mask === 'bool' ? { visible: m } : mask === 'f32' ? { bias: m } : {}),
      }),
    // The scores have deviation scale·√D, and values of the gradient are sums over all pairs of a row or column.
    forward: { atol: 2e-5 },
    gradient: () => summed(2 * Math.max(T, S), 2 * Math.max(1, (scale ?? 0) * Math.sqrt(D))),
  };
}

const length = fc.constantFrom(1, 2, 3, 7, 8, 9, 17, 33);
const problems = fc
  .record({
    lead: fc.constantFrom([], [1], [2], [2, 3], [0]),
    heads: fc.constantFrom(1, 2, 3),
    T: length,
    S: length,
    D: fc.constantFrom(1, 3, 4, 8, 12),
    E: fc.constantFrom(1, 4, 5),
    causal: fc.boolean(),
    mask: fc.constantFrom(undefined, undefined, 'bool' as const, 'f32' as const),
    alibi: fc.boolean(),
    scale: fc.constantFrom(undefined, undefined, 0.7),
    seed: fc.nat(),
  })
  .chain((problem) =>
    // Half of them causal self-attention, which the fused kernels take; few head sizes, each is kernels of its own.
    fc.constantFrom(problem, { ...problem, S: problem.T, D: 8, E: 8, causal: true, mask: undefined }),
  );

describeOps('Attention', [
  {
    name: 'scaledDotProductAttention',
    dtypes: 'f32, mask bool, f32',
    runs: 40,
    cases: problems.map(computation),
    small: computation({ lead: [], heads: 2, T: 3, S: 3, D: 4, E: 4, causal: true, alibi: true, seed: 1 }),
  },
]);

describe.each(ALL_VARIANTS)('$variant', (options) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(options);
  });
  afterAll(() => device.destroy());

  test.each([64, 96, 128, 256])('causal self-attention with heads of %i', async (D) => {
    const base = { lead: [2], heads: 2, T: 35, S: 35, D, E: D, causal: true };
    await expectSameAsOracle(device, computation({ ...base, seed: D }));
    await expectSameAsOracle(device, computation({ ...base, alibi: true, seed: D + 1 }));
  });

  test('causal self-attention, fused: with and without slopes, any scale', async () => {
    const base = { lead: [2, 2], heads: 3, T: 35, S: 35, D: 8, E: 8, causal: true };
    await expectSameAsOracle(device, computation({ ...base, seed: 1 }));
    await expectSameAsOracle(device, computation({ ...base, alibi: true, scale: 0.5, seed: 2 }));
  });

  test('the fused way never makes the scores', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 1024, 4]);
    const before = device.memory().liveBytes;
    scaledDotProductAttention(x, x, x, { causal: true });
    expect(device.memory().liveBytes - before).toBeLessThan(1024 * 1024 * 4);
    const dispatches = device.counters().dispatches;
    scaledDotProductAttention(x, x, x, { causal: true });
    // Three parts packed, tiles, attention, and zeros for the slopes (which may be no dispatch).
    expect(device.counters().dispatches - dispatches).toBeLessThanOrEqual(6);
  });

  test('one tensor as queries, keys and values', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([2, 5, 8], 1)],
      gpu: ([x]) => scaledDotProductAttention(x as Tensor, x as Tensor, x as Tensor, { causal: true }),
      oracle: ([x]) => {
        const y = x as oracle.Array64;
        return oracle.attention(y, y, y, { causal: true });
      },
    });
  });

  test('keys and values that all batches share', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([3, 2, 5, 4], 1), random([1, 2, 6, 4], 2), random([2, 6, 3], 3)],
      gpu: ([q, k, v]) => scaledDotProductAttention(q as Tensor, k as Tensor, v as Tensor),
      oracle: ([q, k, v]) => oracle.attention(q as oracle.Array64, k as oracle.Array64, v as oracle.Array64),
    });
  });

  // As PyTorch, whose enable_gqa is key.repeat_interleave(H / heads, −3).
  test.each([
    { lead: [], causal: true },
    { lead: [2], causal: true },
    { lead: [2], causal: false },
  ])('each head of keys and values serves several of queries: %j', async ({ lead, causal }) => {
    const repeated = (x: oracle.Array64): oracle.Array64 => {
      const axis = lead.length;
      const heads = [0, 0, 0, 1, 1, 1].map((head) => oracle.slice(x, axis, head, head + 1));
      return oracle.cat(heads, axis);
    };
    const slopes = Float32Array.from({ length: 6 }, (_, h) => 2 ** -(h + 1));
    await expectSameAsOracle(device, {
      inputs: [random([...lead, 6, 9, 8], 1), random([...lead, 2, 9, 8], 2), random([...lead, 2, 9, 8], 3)],
      gpu: ([q, k, v]) =>
        scaledDotProductAttention(q as Tensor, k as Tensor, v as Tensor, {
          ...{ causal, enableGqa: true },
          alibiSlopes: Tensor.from((q as Tensor).device, slopes),
        }),
      oracle: ([q, k, v]) =>
        oracle.attention(q as oracle.Array64, repeated(k as oracle.Array64), repeated(v as oracle.Array64), {
          ...{ causal, slopes },
        }),
      forward: { atol: 2e-5 },
      gradient: () => summed(60, 2),
    });
  });

  test('a query that sees nothing gets zeros and gives no gradient', async () => {
    using _ = device.scope();
    const { values, shape } = random([3, 4], 1);
    const q = Tensor.from(device, values, shape).requireGrad();
    const v = Tensor.from(device, random([2, 2], 2).values, [2, 2]).requireGrad();
    const k = Tensor.from(device, random([2, 4], 3).values, [2, 4]);
    const mask = Tensor.from(device, [true, true, false, false, false, true], [3, 2]);
    const out = scaledDotProductAttention(q, k, v, { mask });
    expect([...(await out.data())].slice(2, 4)).toEqual([0, 0]);
    const bias = Tensor.from(
      device,
      [0, 0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 0],
      [3, 2],
    );
    expectClose(await scaledDotProductAttention(q, k, v, { mask: bias }).data(), await out.data());
    backward(sum(out));
    expect([...((await q.grad?.data()) ?? [])].slice(4, 8)).toEqual([0, 0, 0, 0]);
    expect(((await v.grad?.data()) ?? []).every(Number.isFinite)).toBe(true);
  });

  test('operands that do not fit are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    const run =
      (q: Tensor, k: Tensor, v: Tensor, options = {}) =>
      () =>
        scaledDotProductAttention(q, k, v, options);
    expect(run(zeros(2, 3), zeros(2, 4), zeros(2, 3))).toThrow(
      /scaledDotProductAttention: q \(2,3\), k \(2,4\), v \(2,3\)/,
    );
    expect(run(zeros(2, 3), zeros(2, 3), zeros(3, 3))).toThrow(/v \(3,3\)/);
    const [six, two, four] = [zeros(6, 5, 4), zeros(2, 5, 4), zeros(4, 5, 4)];
    expect(run(six, two, two)).toThrow(/2 and 2 heads of keys and values for 6 of queries/);
    expect(run(six, four, four, { enableGqa: true })).toThrow(/4 and 4 heads .* for 6 of queries/);
    const x = zeros(2, 5, 4);
    expect(run(x, x, x, { alibiSlopes: zeros(3) })).toThrow(/alibiSlopes \(3\) for q \(2,5,4\)/);
    expect(run(x, x, x, { mask: Tensor.zeros(device, [5, 5], 'u32') })).toThrow(/mask \(5,5\) has dtype u32/);
  });
});
