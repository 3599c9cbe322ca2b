/** Products of vectors, matrices and batches of them, of any size, with partial tiles of 4 and 32. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  backward,
  dot,
  full,
  matmul,
  mul,
  outer,
  sum,
  Tensor,
  transpose,
} from '../../../src/tensor/index.ts';
import { ALL_VARIANTS, largeTest, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { broadcastableShapes, dimension } from '../../oracle/random.ts';
import { type Computation, expectSameAsOracle, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

/** Compute the reference. It multiplies matrices: vectors become a row or a column first. */
function reference(a: oracle.Array64, b: oracle.Array64): oracle.Array64 {
  const left = a.rank === 1 ? oracle.reshape(a, [1, a.size]) : a;
  const right = b.rank === 1 ? oracle.reshape(b, [b.size, 1]) : b;
  const product = oracle.matmul(left, right);
  const rows = a.rank === 1 ? [] : [left.shape.at(-2) as number];
  const columns = b.rank === 1 ? [] : [right.shape.at(-1) as number];
  return oracle.reshape(product, [...product.shape.slice(0, -2), ...rows, ...columns]);
}

function product(a: readonly number[], b: readonly number[], seed: number): Computation {
  const [M, K, N] = [a.at(-2) ?? 1, a.at(-1) ?? 1, b.length === 1 ? 1 : (b.at(-1) ?? 1)];
  const batches = Math.max(oracle.sizeOf(a) / Math.max(1, M * K), oracle.sizeOf(b) / Math.max(1, K * N), 1);
  return {
    inputs: [random(a, seed), random(b, seed + 1)],
    gpu: ([x, y]) => matmul(x as Tensor, y as Tensor),
    oracle: ([x, y]) => reference(x as oracle.Array64, y as oracle.Array64),
    forward: summed(K),
    gradient: (input) => summed(batches * (input === 0 ? N : M)),
  };
}

const sizes = fc.tuple(dimension(), dimension(), dimension()).map(
  // At most one size is a large one.
  ([M, K, N]) => [M, M > 100 ? Math.min(K, 9) : K, Math.max(M, K) > 100 ? Math.min(N, 17) : N] as const,
);
const matrices = sizes.chain(([M, K, N]) =>
  fc
    .tuple(
      fc.oneof(
        { weight: 3, arbitrary: fc.constant({ a: [] as number[], b: [] as number[] }) },
        { weight: 3, arbitrary: broadcastableShapes({ maxRank: 3, maxElements: 12 }) },
      ),
      fc.constantFrom('matrices', 'matrices', 'matrices', 'row', 'column', 'vectors'),
      fc.nat(),
    )
    .map(([{ a, b }, kind, seed]) => {
      if (kind === 'vectors') return product([K], [K], seed);
      if (kind === 'row') return product([K], [...b, K, N], seed);
      return kind === 'column' ? product([...a, M, K], [K], seed) : product([...a, M, K], [...b, K, N], seed);
    }),
);

const vectors = (n: number, seed: number): Computation => ({
  inputs: [random([n], seed), random([n], seed + 1)],
  gpu: ([a, b]) => dot(a as Tensor, b as Tensor),
  oracle: ([a, b]) => oracle.sum(oracle.mul(a as oracle.Array64, b as oracle.Array64)),
  forward: summed(n),
});

const table = (m: number, n: number, seed: number): Computation => ({
  inputs: [random([m], seed), random([n], seed + 1)],
  gpu: ([a, b]) => outer(a as Tensor, b as Tensor),
  oracle: ([a, b]) => oracle.mul(oracle.reshape(a as oracle.Array64, [m, 1]), b as oracle.Array64),
  gradient: (input) => summed(input === 0 ? n : m),
});

describeOps('Products', [
  { name: 'matmul', dtypes: 'f32', runs: 40, cases: matrices, small: product([2, 3, 2], [2, 2, 3], 1) },
  {
    name: 'dot',
    dtypes: 'f32',
    cases: fc.tuple(dimension(), fc.nat()).map(([n, seed]) => vectors(n, seed)),
    small: vectors(5, 1),
  },
  {
    name: 'outer',
    dtypes: 'f32',
    cases: fc
      .tuple(dimension(), dimension(), fc.nat())
      .map(([m, n, seed]) => table(Math.min(m, 70), n, seed)),
    small: table(3, 4, 1),
  },
]);

describe.each(ALL_VARIANTS)('$variant', (options) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(options);
  });
  afterAll(() => device.destroy());

  test('a batch of matrices of odd sizes', async () => {
    await expectSameAsOracle(device, product([64, 65, 33], [64, 33, 17], 1));
  });

  test('one matrix times a batch, and leading axes that stretch on both sides', async () => {
    await expectSameAsOracle(device, product([5, 7], [6, 7, 3], 1));
    await expectSameAsOracle(device, product([3, 1, 5, 6], [4, 6, 7], 2));
    await expectSameAsOracle(device, product([3, 1, 5, 8], [3, 4, 8, 12], 3));
  });

  test('rows so many that the gradient of b is summed in parts', async () => {
    await expectSameAsOracle(device, product([2, 600, 5], [5, 7], 1));
    await expectSameAsOracle(device, product([1100, 5], [5, 8], 2));
  });

  largeTest('long inner axes: few roundings, whatever the sizes, and as many gradients', async () => {
    using _ = device.scope();
    const constant = Math.fround(0.1);
    for (const [a, b] of [
      [
        [2, 30_000],
        [30_000, 3],
      ],
      [[3, 2051], [2051]],
      [
        [2, 2, 2055],
        [2, 2055, 4],
      ],
      [
        [2, 2050],
        [3, 2050, 5],
      ],
    ] as const) {
      const K = a.at(-1) as number;
      const c = matmul(full(device, a, 0.1), full(device, b, 0.1));
      const sums = Array.from(await c.data());
      // One after the other they would be off by 1e-5 and more.
      expectClose(
        sums,
        sums.map(() => constant * constant * K),
        { rtol: 1.3e-6, atol: 0 },
      );
    }
    await expectSameAsOracle(device, product([2, 3, 2049], [2049, 6], 4));
    await expectSameAsOracle(device, product([3, 2049], [2, 2049, 6], 5));
    await expectSameAsOracle(device, product([2, 2, 4], [2, 4, 2053], 6));
  });

  test('no inner size gives zeros, and zero gradients', async () => {
    await expectSameAsOracle(device, product([3, 0], [0, 5], 1));
    await expectSameAsOracle(device, product([2, 3, 0], [2, 0, 4], 1));
  });

  test('the gradient of one operand alone', async () => {
    for (const wanted of [0, 1]) {
      const all = product([2, 5, 6], [2, 6, 3], 4);
      const inputs = all.inputs.map((input, i) => ({ ...input, constant: i !== wanted }));
      await expectSameAsOracle(device, { ...all, inputs });
    }
  });

  test('a matrix times its own transpose', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([5, 6], 1)],
      gpu: ([x]) => matmul(x as Tensor, transpose(x as Tensor)),
      oracle: ([x]) => oracle.matmul(x as oracle.Array64, oracle.transpose(x as oracle.Array64)),
    });
  });

  largeTest('more workgroups than one dimension of a dispatch holds', async () => {
    using _ = device.scope();
    const count = 70_000;
    const a = Float32Array.from({ length: count }, (_, i) => i % 97);
    const b = Float32Array.from({ length: count * 2 }, (_, i) => i % 89);
    const x = Tensor.from(device, a, [count, 1, 1]).requireGrad();
    const y = matmul(x, Tensor.from(device, b, [count, 1, 2]));
    const values = await y.data();
    const expected = Float32Array.from(b, (value, i) => value * (a[i >> 1] as number));
    expect(values).toEqual(expected);
    backward(sum(y));
    const slopes = await (x.grad as Tensor).data();
    expect(slopes[count - 1]).toBe((b[2 * count - 2] as number) + (b[2 * count - 1] as number));
  });

  test('infinities and NaN stay in their rows and columns', async () => {
    using _ = device.scope();
    const a = Tensor.from(device, [Number.POSITIVE_INFINITY, 1, 1, 2], [2, 2]);
    const b = Tensor.from(device, [1, 2, 3, 4, 5, 6], [2, 3]);
    const values = await matmul(a, b).data();
    expect([...values.slice(0, 3)]).toEqual(new Array(3).fill(Number.POSITIVE_INFINITY));
    expectClose(values.slice(3), [9, 12, 15]);
  });

  test('scratch memory is returned', async () => {
    using _ = device.scope();
    const [a, b] = [Tensor.zeros(device, [3, 5, 7]).requireGrad(), Tensor.zeros(device, [3, 7, 5])];
    const run = () => {
      using inner = device.scope();
      const y = matmul(mul(a, 2), b);
      inner.keep(y.view);
      return y;
    };
    const { liveBuffers } = device.memory();
    run();
    expect(device.memory().liveBuffers).toBe(liveBuffers + 1);
    await device.idle();
  });

  test('operands that do not multiply are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    expect(() => matmul(zeros(2, 3), zeros(2, 3))).toThrow(/matmul: a \(2,3\), b \(2,3\)/);
    expect(() => matmul(zeros(3), zeros(4))).toThrow(/matmul: a \(3\), b \(4\)/);
    expect(() => matmul(zeros(), zeros(4))).toThrow(/matmul: a \(\), b \(4\)/);
    expect(() => matmul(zeros(2, 4, 3), zeros(3, 3, 5))).toThrow(/matmul: a \(2,4,3\), b \(3,3,5\)/);
    expect(() => matmul(zeros(2, 3), Tensor.zeros(device, [3, 2], 'u32'))).toThrow(/matmul: .*dtype u32/);
    expect(() => dot(zeros(2, 2), zeros(4))).toThrow(/dot: a \(2,2\), b \(4\)/);
    expect(() => outer(zeros(2, 2), zeros(4))).toThrow(/outer: a \(2,2\), b \(4\)/);
  });
});
