/** Every kernel that sums many values has the error of sums in blocks, for equal values and for values that cancel. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import * as ops from '../../src/tensor/index.ts';
import { Parameters, Tensor } from '../../src/tensor/index.ts';
import { isInterpreted, openDevice, VARIANTS } from '../device.ts';
import { normals } from '../oracle/random.ts';

/** Half a unit in the last place of numbers near 1. */
const ROUNDING = 2 ** -24;
const LENGTHS = [1, 5, 100, 255, 257, 1000, 4097, ...(isInterpreted ? [] : [70_001])];
const TENTH = Math.fround(0.1);

const filled = (device: Device, shape: readonly number[], value = TENTH): Tensor =>
  Tensor.from(device, new Float32Array(shape.reduce((size, n) => size * n, 1)).fill(value), shape);

const gradientOf = async (x: Tensor, loss: Tensor, upstream?: Tensor): Promise<number> => {
  ops.backward(loss, upstream);
  return (await x.grad?.data())?.[0] ?? Number.NaN;
};

interface Sum {
  readonly name: string;
  /** Compute the op on n equal values. */
  readonly found: (device: Device, n: number) => Promise<number>;
  readonly expected: (n: number) => number;
  readonly lengths?: readonly number[];
}

const SUMS: readonly Sum[] = [
  {
    name: 'sum',
    found: (device, n) => ops.sum(filled(device, [n])).item(),
    expected: (n) => n * TENTH,
  },
  {
    name: 'sum over the first axis',
    found: async (device, n) => (await ops.sum(filled(device, [n, 3]), { axes: [0] }).data())[2] ?? 0,
    expected: (n) => n * TENTH,
  },
  { name: 'mean', found: (device, n) => ops.mean(filled(device, [n])).item(), expected: () => TENTH },
  {
    name: 'norm',
    found: (device, n) => ops.norm(filled(device, [n])).item(),
    expected: (n) => Math.sqrt(n) * TENTH,
  },
  {
    name: 'cumsum',
    found: async (device, n) => (await ops.cumsum(filled(device, [n])).data()).at(-1) ?? 0,
    expected: (n) => n * TENTH,
  },
  {
    name: 'logsumexp',
    found: async (device, n) => Math.exp(await ops.logsumexp(filled(device, [n], -Math.log(n))).item()),
    // Of the rounded logarithm.
    expected: (n) => n * Math.exp(Math.fround(-Math.log(n))),
  },
  {
    name: 'softmax',
    found: async (device, n) => (await ops.softmax(filled(device, [n])).data())[0] ?? 0,
    expected: (n) => 1 / n,
  },
  {
    name: 'softmax, rows for one thread',
    found: async (device, n) => (await ops.softmax(filled(device, [70, n])).data())[0] ?? 0,
    expected: (n) => 1 / n,
    lengths: [1, 100, 1000, 4095],
  },
  {
    name: 'gradient of logSoftmax',
    found: (device, n) => {
      const x = filled(device, [n]).requireGrad();
      // Of the last place it is dy − p·Σ dy, and the rest of dy is 0.1.
      return gradientOf(x, ops.logSoftmax(x), filled(device, [n])).then((dx) => TENTH - dx);
    },
    expected: () => TENTH,
  },
  {
    name: 'mseLoss',
    found: (device, n) => ops.mseLoss(filled(device, [n]), filled(device, [n], 0)).item(),
    expected: () => Math.fround(TENTH * TENTH),
  },
  {
    name: 'crossEntropy over rows',
    found: (device, n) =>
      ops.crossEntropy(filled(device, [n, 2]), Tensor.zeros(device, [n], 'u32'), { reduction: 'sum' }).item(),
    expected: (n) => n * Math.LN2,
  },
  {
    name: 'crossEntropy over classes',
    found: async (device, n) =>
      Math.exp(-(await ops.crossEntropy(filled(device, [1, n]), Tensor.zeros(device, [1], 'u32')).item())),
    expected: (n) => 1 / n,
  },
  {
    name: 'scatterAdd to one place',
    found: (device, n) =>
      ops
        .scatterAdd(Tensor.zeros(device, [1]), 0, Tensor.zeros(device, [n], 'u32'), filled(device, [n]))
        .item(),
    expected: (n) => n * TENTH,
  },
  {
    name: 'gradient of what is broadcast',
    found: (device, n) => {
      const x = filled(device, [1]).requireGrad();
      return gradientOf(x, ops.add(x, filled(device, [n])), filled(device, [n]));
    },
    expected: (n) => n * TENTH,
  },
  {
    name: 'gradient of a bias',
    found: (device, n) => {
      const bias = filled(device, [4]).requireGrad();
      return gradientOf(
        bias,
        ops.linear(filled(device, [n, 4]), filled(device, [4, 4]), bias),
        filled(device, [n, 4]),
      );
    },
    expected: (n) => n * TENTH,
  },
  {
    name: 'gradient of the bias of layerNorm',
    found: (device, n) => {
      const [weight, bias] = [filled(device, [8]), filled(device, [8]).requireGrad()];
      return gradientOf(bias, ops.layerNorm(filled(device, [n, 8]), weight, bias), filled(device, [n, 8]));
    },
    expected: (n) => n * TENTH,
  },
  {
    name: 'statistics of rmsNorm',
    found: async (device, n) => {
      const y = await ops.rmsNorm(filled(device, [1, n]), undefined, 0).data();
      return y[0] ?? 0;
    },
    expected: () => 1,
    lengths: [4, 60, 100, 1000, 2048],
  },
  {
    name: 'clipGradNorm',
    found: async (device, n) => {
      const parameters = new Parameters(device, new Map([['w', [n]]]));
      parameters.get('w').grad?.set(new Float32Array(n).fill(TENTH));
      const norm = await ops.clipGradNorm(parameters, 1).item();
      parameters.dispose();
      return norm;
    },
    expected: (n) => Math.sqrt(n) * TENTH,
  },
];

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each(SUMS)('$name of equal values', async ({ found, expected, lengths = LENGTHS }) => {
    for (const n of lengths) {
      using _ = device.scope();
      const [actual, wanted] = [await found(device, n), expected(n)];
      // What a value goes through on the way to the total, and a little for what else the op computes.
      const roundings = 3 * Math.log2(Math.max(2, n)) + 12;
      expect(Math.abs(actual / wanted - 1) / ROUNDING, `n = ${n}: ${actual}, not ${wanted}`).toBeLessThan(
        roundings,
      );
    }
  });

  test('values that cancel', async () => {
    for (const n of [300, 5000, 70_001]) {
      using _ = device.scope();
      const values = normals(3, n).map((x, i) => Math.fround(x * (i % 7 === 0 ? 1e6 : 1)));
      const total = values.reduce((sum, x) => sum + x, 0);
      const magnitude = values.reduce((sum, x) => sum + Math.abs(x), 0);
      const found = await ops.sum(Tensor.from(device, Float32Array.from(values))).item();
      expect(Math.abs(found - total)).toBeLessThan(2 * Math.log2(n) * ROUNDING * magnitude);
    }
  });
});
