/** The linear layer against the reference: every epilogue, whole and partial tiles, and its caches. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { defaultsOf } from '../../../src/kernels/defaults.ts';
import { backward, linear, mul, noGrad, sum, Tensor } from '../../../src/tensor/index.ts';
import { ALL_VARIANTS, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { type Computation, expectSameAsOracle, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Layer {
  readonly lead: readonly number[];
  readonly K: number;
  readonly N: number;
  readonly bias: boolean;
  readonly activation: boolean;
  readonly residual: boolean;
  readonly seed: number;
}

const layers: fc.Arbitrary<Layer> = fc.record({
  lead: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(1, 2, 7, 16, 17, 31, 32, 33, 65, 130).map((n) => [n]) },
    { weight: 1, arbitrary: fc.constantFrom([0], [], [3, 5], [2, 1, 4], [2, 0]) },
  ),
  K: fc.constantFrom(4, 8, 12, 16, 20, 32, 36, 64, 68, 0, 1, 3, 33),
  N: fc.constantFrom(1, 2, 3, 4, 5, 8, 31, 32, 33, 36, 57, 64, 65, 100),
  bias: fc.boolean(),
  activation: fc.boolean(),
  residual: fc.boolean(),
  seed: fc.nat(),
});

/** Make a computation. Weights are scaled by 1/√K as in layers, so that outputs have unit size. */
function computation({ lead, K, N, bias, activation, residual, seed }: Layer): Computation {
  const rows = oracle.sizeOf(lead);
  return {
    inputs: [
      random([...lead, K], seed),
      random([N, K], seed + 1, 0, 1 / Math.sqrt(Math.max(1, K))),
      ...(bias ? [random([N], seed + 2)] : []),
      ...(residual ? [random([...lead, N], seed + 3)] : []),
    ],
    gpu: (inputs) => {
      const [x, weight, ...rest] = inputs as [Tensor, Tensor, ...Tensor[]];
      return linear(x, weight, bias ? rest[0] : undefined, {
        ...(activation ? { activation: 'gelu' } : {}),
        ...(residual ? { residual: rest.at(-1) as Tensor } : {}),
      });
    },
    oracle: (inputs) => {
      const [x, weight, ...rest] = inputs as [oracle.Array64, oracle.Array64, ...oracle.Array64[]];
      const matrix = oracle.reshape(x, [rows, K]);
      const product = oracle.linear(matrix, weight, bias ? rest[0] : undefined);
      const active = oracle.reshape(activation ? oracle.gelu(product) : product, [...lead, N]);
      return residual ? oracle.add(active, rest.at(-1) as oracle.Array64) : active;
    },
    forward: summed(K, 1 / Math.sqrt(Math.max(1, K))),
    // dx sums over N outputs, weight and bias over all rows.
    gradient: (input) => (input === 0 ? summed(N) : summed(rows)),
  };
}

describeOps('Layers', [
  {
    name: 'linear',
    dtypes: 'f32',
    runs: 60,
    cases: layers.map(computation),
    small: computation({ lead: [3], K: 4, N: 5, bias: true, activation: true, residual: true, seed: 1 }),
  },
]);

describe.each(ALL_VARIANTS)('$variant', (options) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(options);
  });
  afterAll(() => device.destroy());

  test('a weight gradient over several parts of the rows', async () => {
    // 512 rows a part: two full ones and one of a single row.
    const layer = { lead: [1025], K: 36, N: 33, bias: true, activation: true, residual: true, seed: 9 };
    await expectSameAsOracle(device, computation(layer));
  });

  test('inputs that are no multiple of 4', async () => {
    for (const K of [1, 6, 33]) {
      const layer = { lead: [3, 5], K, N: 7, bias: true, activation: true, residual: true, seed: 5 };
      await expectSameAsOracle(device, computation(layer));
    }
  });

  test('no inputs leave the bias', async () => {
    const layer = { lead: [5], K: 0, N: 6, bias: true, activation: false, residual: false, seed: 6 };
    await expectSameAsOracle(device, computation(layer));
  });

  test('no outputs at all', async () => {
    const layer = { lead: [5], K: 8, N: 0, bias: true, activation: false, residual: false, seed: 4 };
    await expectSameAsOracle(device, computation(layer));
  });

  test('x may be the residual too, inside a graph', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([5, 8], 1), random([8, 8], 2, 0, 0.3)],
      gpu: ([x, weight]) => {
        const scaled = mul(x as Tensor, 2);
        return linear(scaled, weight as Tensor, undefined, { residual: scaled });
      },
      oracle: ([x, weight]) => {
        const scaled = oracle.mul(x as oracle.Array64, 2);
        return oracle.add(oracle.linear(scaled, weight as oracle.Array64), scaled);
      },
    });
  });

  test('the gradient reaching x around the layer is added to the one through it', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([5, 8], 1), random([4, 8], 2, 0, 0.3), random([4, 8], 3, 0, 0.3)],
      gpu: ([x, w1, w2]) => {
        const scaled = mul(x as Tensor, 2);
        return [linear(scaled, w1 as Tensor, linear(sumRows(scaled), w2 as Tensor))];
      },
      oracle: ([x, w1, w2]) => {
        const scaled = oracle.mul(x as oracle.Array64, 2);
        const rows = oracle.sum(scaled, 0, true);
        const bias = oracle.linear(rows, w2 as oracle.Array64);
        return [oracle.linear(scaled, w1 as oracle.Array64, oracle.reshape(bias, [4]))];
      },
      gradient: () => summed(40, 2),
    });
  });

  test('a weight changed in place is used as changed', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2, 3, 4], [1, 4]);
    const weight = Tensor.from(device, [1, 0, 0, 0], [1, 4]);
    expectClose(await linear(x, weight).data(), [1]);
    weight.set(Float32Array.of(0, 0, 0, 2));
    expectClose(await linear(x, weight).data(), [8]);
  });

  test('a weight that is a result keeps its own gradient path', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([6, 4], 1), random([5, 4], 2)],
      gpu: ([x, weight]) => linear(x as Tensor, mul(weight as Tensor, 0.5)),
      oracle: ([x, weight]) => oracle.linear(x as oracle.Array64, oracle.mul(weight as oracle.Array64, 0.5)),
    });
  });

  test('operands that need no gradient get none', async () => {
    for (const wanted of [0, 1, 2]) {
      const layer = { lead: [5], K: 8, N: 6, bias: true, activation: false, residual: false, seed: 3 };
      const all = computation(layer);
      const inputs = all.inputs.map((input, i) => ({ ...input, constant: i !== wanted }));
      await expectSameAsOracle(device, { ...all, inputs });
    }
  });

  test('shapes that disagree are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    expect(() => linear(zeros(2, 8), zeros(4, 4))).toThrow(/linear: x \(2,8\), weight \(4,4\), bias none/);
    expect(() => linear(zeros(2, 8), zeros(4, 8), zeros(5))).toThrow(/linear: .*bias \(5\)/);
    expect(() => linear(zeros(2, 8), zeros(8))).toThrow(/linear: x \(2,8\), weight \(8\)/);
    expect(() => linear(Tensor.zeros(device, [2, 8], 'u32'), zeros(4, 8))).toThrow(/linear: .*dtype u32/);
    const residual = zeros(3, 4);
    expect(() => linear(zeros(2, 8), zeros(4, 8), undefined, { residual })).toThrow(
      /linear: .*residual \(3,4\)/,
    );
  });

  test('the transposed weight is made once and shared, where products do not read weights as they are', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [3, 8]);
    const weight = Tensor.zeros(device, [5, 8]).requireGrad();
    const dispatches = (body: () => void) => {
      const before = device.counters().dispatches;
      body();
      return device.counters().dispatches - before;
    };
    const transposes = defaultsOf(device).products === 'tile' ? 0 : 1;
    expect(dispatches(() => linear(x, weight))).toBe(1 + transposes);
    expect(dispatches(() => noGrad(() => linear(x, weight)))).toBe(1);
    backward(sum(linear(x, weight)));
    expect(dispatches(() => linear(x, weight))).toBe(1);
  });
});

function sumRows(x: Tensor): Tensor {
  return sum(x, { axes: [0] });
}
