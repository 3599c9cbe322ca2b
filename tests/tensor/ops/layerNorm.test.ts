/** LayerNorm against the reference: rows off every tile, constant rows, offsets, with and without bias. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { add, layerNorm, mul, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { seeded } from '../../oracle/random.ts';
import {
  type Computation,
  expectFiniteDifferences,
  expectSameAsOracle,
  random,
  summed,
} from '../againstOracle.ts';

function computation(
  lead: readonly number[],
  d: number,
  bias: boolean,
  seed: number,
  eps = 1e-5,
): Computation {
  return {
    inputs: [
      random([...lead, d], seed, 0.5, 2),
      random([d], seed + 1, 1, 0.5),
      ...(bias ? [random([d], seed + 2)] : []),
    ],
    gpu: ([x, weight, b]) => layerNorm(x as Tensor, weight as Tensor, b, eps),
    oracle: ([x, weight, b]) => oracle.layerNorm(x as oracle.Array64, weight, b, eps),
    // Of a row of 4 the variance can be small, and the gradient by x large: it is divided by the deviation.
    gradient: (input) => (input === 0 ? { atol: 3e-5, rtol: 1e-5 } : summed(oracle.sizeOf(lead), 2)),
  };
}

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test('any rows and widths, forward and every gradient', async () => {
    const leads = fc.constantFrom([], [0], [1], [3], [63], [64], [65], [2, 3], [129], [3, 0]);
    const widths = fc.constantFrom(4, 12, 64, 68);
    const property = fc.asyncProperty(leads, widths, fc.boolean(), fc.nat(), async (lead, d, bias, seed) => {
      await expectSameAsOracle(device, computation(lead, d, bias, seed));
    });
    await fc.assert(property, { ...seeded, numRuns: 30 });
  });

  test('gradients of weight and bias over several parts of the rows', async () => {
    // 128 rows a part.
    await expectSameAsOracle(device, computation([385], 12, true, 5));
  });

  test('rows that are constant, and rows far from 0', async () => {
    const values = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 3 : 1000 + (i % 5)));
    await expectSameAsOracle(device, {
      inputs: [{ values, shape: [2, 16] }, random([16], 1), random([16], 2)],
      gpu: ([x, weight, bias]) => layerNorm(x as Tensor, weight as Tensor, bias),
      oracle: ([x, weight, bias]) => oracle.layerNorm(x as oracle.Array64, weight, bias),
      // The mean near 1000 is known to 6e-5, and so are the deviations from it.
      forward: { atol: 2e-4 },
      // The constant row divides by √eps = 0.003: its gradient is 316 times the others'.
      gradient: (input) => (input === 0 ? { atol: 1e-3, rtol: 1e-5 } : { atol: 2e-4 }),
    });
  });

  test('a gradient that passes around the layer is added', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([9, 12], 1), random([12], 2), random([12], 3)],
      gpu: ([x, weight, bias]) => {
        const scaled = mul(x as Tensor, 0.5);
        return add(layerNorm(scaled, weight as Tensor, bias), scaled);
      },
      oracle: ([x, weight, bias]) => {
        const scaled = oracle.mul(x as oracle.Array64, 0.5);
        return oracle.add(oracle.layerNorm(scaled, weight, bias), scaled);
      },
    });
  });

  test('operands that need no gradient get none', async () => {
    for (const wanted of [0, 1, 2]) {
      const all = computation([5], 12, true, 3);
      const inputs = all.inputs.map((input, i) => ({ ...input, constant: i !== wanted }));
      await expectSameAsOracle(device, { ...all, inputs });
    }
  });

  test('finite differences', async () => {
    const f = ([x, weight, bias]: readonly Tensor[]) => layerNorm(x as Tensor, weight as Tensor, bias);
    await expectFiniteDifferences(device, f, [random([2, 12], 1), random([12], 2), random([12], 3)]);
  });

  test('shapes that disagree are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    expect(() => layerNorm(zeros(3, 8), zeros(4))).toThrow(/layerNorm: x \(3,8\), weight \(4\)/);
    expect(() => layerNorm(zeros(3, 8), zeros(8), zeros(4))).toThrow(/layerNorm: .*bias \(4\)/);
    expect(() => layerNorm(zeros(3, 6), zeros(6))).toThrow(/layerNorm: .*\(3,6\)/);
    expect(() => layerNorm(zeros(3, 0), zeros(0))).toThrow(/layerNorm: .*\(3,0\)/);
  });
});
