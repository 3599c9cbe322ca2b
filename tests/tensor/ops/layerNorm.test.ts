/** LayerNorm and RMSNorm against the reference: rows off every tile, constant rows, offsets, without weight or bias. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { add, layerNorm, mul, rmsNorm, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { type Computation, expectSameAsOracle, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Layer {
  readonly lead: readonly number[];
  readonly d: number;
  readonly weight?: boolean;
  readonly bias?: boolean;
  readonly seed: number;
  readonly eps?: number;
}

function computation(op: 'layerNorm' | 'rmsNorm', layer: Layer): Computation {
  const { lead, d, weight = true, bias = false, seed, eps = 1e-5 } = layer;
  /** Return weight and bias from the inputs after x. */
  const affine = <T>([, ...rest]: readonly T[]): [T | undefined, T | undefined] => [
    weight ? rest[0] : undefined,
    bias ? rest.at(-1) : undefined,
  ];
  return {
    inputs: [
      random([...lead, d], seed, 0.5, 2),
      ...(weight ? [random([d], seed + 1, 1, 0.5)] : []),
      ...(bias ? [random([d], seed + 2)] : []),
    ],
    gpu: (inputs) => {
      const [w, b] = affine(inputs);
      const x = inputs[0] as Tensor;
      return op === 'layerNorm' ? layerNorm(x, w, b, eps) : rmsNorm(x, w, eps);
    },
    oracle: (inputs) => {
      const [w, b] = affine(inputs);
      const x = inputs[0] as oracle.Array64;
      return op === 'layerNorm' ? oracle.layerNorm(x, w, b, eps) : oracle.rmsNorm(x, w, eps);
    },
    // Of a short row the variance can be small, and the gradient by x large: it is divided by the deviation.
    gradient: (input) => (input === 0 ? { atol: 3e-5, rtol: 1e-5 } : summed(oracle.sizeOf(lead), 2)),
  };
}

const leads = fc.constantFrom([], [0], [1], [3], [63], [64], [65], [2, 3], [129], [3, 0]);
// Widths off the kernels' vec4s make their rows of other ops. Few of those within: each is kernels of its own.
const widths = fc.oneof(fc.constantFrom(12, 68, 64, 128), fc.constantFrom(5, 33, 7, 130, 0));
const layers = fc.record({ lead: leads, d: widths, weight: fc.boolean(), seed: fc.nat() });
// A row of two values is ±1 whatever they are, and its gradient is cancellation.
const eps = (d: number): number => (d < 8 ? 0.1 : 1e-5);

describeOps('Normalisation', [
  {
    name: 'layerNorm',
    dtypes: 'f32',
    runs: 40,
    cases: fc
      .tuple(layers, fc.boolean())
      .map(([layer, bias]) =>
        computation('layerNorm', { ...layer, bias: bias && layer.weight, eps: eps(layer.d) }),
      ),
    small: computation('layerNorm', { lead: [2], d: 12, bias: true, seed: 1 }),
  },
  {
    name: 'rmsNorm',
    dtypes: 'f32',
    runs: 24,
    cases: layers.map((layer) =>
      computation('rmsNorm', { ...layer, d: layer.d === 68 ? 12 : layer.d, eps: eps(layer.d) }),
    ),
    small: computation('rmsNorm', { lead: [2], d: 12, seed: 1 }),
  },
]);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test('gradients of weight and bias over several parts of the rows', async () => {
    // 128 rows a part.
    await expectSameAsOracle(device, computation('layerNorm', { lead: [385], d: 12, bias: true, seed: 5 }));
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
      const all = computation('layerNorm', { lead: [5], d: 12, bias: true, seed: 3 });
      const inputs = all.inputs.map((input, i) => ({ ...input, constant: i !== wanted }));
      await expectSameAsOracle(device, { ...all, inputs });
    }
  });

  test('bias without weight, and rows too long for registers', async () => {
    await expectSameAsOracle(
      device,
      computation('layerNorm', { lead: [5], d: 12, weight: false, bias: true, seed: 7 }),
    );
    await expectSameAsOracle(device, computation('layerNorm', { lead: [3], d: 2052, bias: true, seed: 8 }));
    await expectSameAsOracle(device, computation('rmsNorm', { lead: [3], d: 2052, seed: 9 }));
  });

  test('shapes that disagree are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    expect(() => layerNorm(zeros(3, 8), zeros(4))).toThrow(/layerNorm: x \(3,8\), weight \(4\)/);
    expect(() => layerNorm(zeros(3, 8), zeros(8), zeros(4))).toThrow(/layerNorm: .*bias \(4\)/);
    expect(() => layerNorm(zeros())).toThrow(/layerNorm: x \(\), weight none/);
    expect(() => rmsNorm(zeros(3, 6), zeros(5))).toThrow(/rmsNorm: x \(3,6\), weight \(5\)/);
    expect(() => rmsNorm(Tensor.zeros(device, [3, 6], 'i32'))).toThrow(/rmsNorm: x \(3,6\) has dtype i32/);
  });
});
