/** Values and gradients of ops against PyTorch's, above all where conventions could differ: ties, borders, zeros. */
import { describe, expect, test } from 'vitest';
import type { Array64 } from './array.ts';
import * as ops from './array.ts';
import { expectClose } from './compare.ts';
import { type FixtureNumber, numbers, referenceJson } from './reference.ts';
import { erf, erfc } from './special.ts';

interface OpCase {
  readonly inputs: readonly { readonly shape: number[]; readonly data: number[] }[];
  readonly output: { readonly shape: number[]; readonly data: FixtureNumber[] };
  readonly grads: readonly FixtureNumber[][];
}

const reference = referenceJson<{
  readonly erf: { readonly x: number[]; readonly erf: number[]; readonly erfc: number[] };
  readonly ops: Record<string, OpCase>;
}>('torch');

const future = ops.array([0, 1, 0, 0, 0, 1], [2, 3]);

const cases: Record<string, (...inputs: Array64[]) => Array64> = {
  gelu: ops.gelu,
  silu: ops.silu,
  sigmoid: ops.sigmoid,
  tanh: ops.tanh,
  relu: ops.relu,
  abs: ops.abs,
  minimum: ops.minimum,
  maximum: ops.maximum,
  minimumBroadcast: ops.minimum,
  clamp: (x) => ops.clamp(x, -1, 2),
  amax: (x) => ops.max(x, 1),
  pow: ops.pow,
  powScalar: (x) => ops.pow(x, 3),
  softmax: (x) => ops.softmax(x),
  logSoftmax: (x) => ops.logSoftmax(x),
  softmaxAxis0: (x) => ops.softmax(x, 0),
  logSumExp: (x) => ops.logSumExp(x),
  softmaxLarge: (x) => ops.softmax(x),
  logSoftmaxLarge: (x) => ops.logSoftmax(x),
  softmaxMasked: (x) => ops.softmax(ops.maskedFill(x, future, Number.NEGATIVE_INFINITY)),
  layerNorm: (x, weight, bias) => ops.layerNorm(x, weight, bias),
  layerNormConstantRow: (x) => ops.layerNorm(x),
  matmul: ops.matmul,
  crossEntropy: (x) => ops.crossEntropy(x, [1, 0, 4], 0),
  embedding: (weight) => ops.embedding(weight, { data: [1, 3, 3, 0], shape: [2, 2] }),
  gather: (x) => ops.gather(x, 1, { data: [4, 4, 0, 1, 2, 2], shape: [3, 2] }),
};

describe("PyTorch's values and gradients", () => {
  test('every case of the fixture is checked', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(reference.ops).sort());
  });

  test.each(Object.entries(reference.ops))('%s', (name, { inputs, output, grads }) => {
    const leaves = inputs.map(({ data, shape }) => ops.parameter(data, shape));
    const result = cases[name](...leaves);
    expect(result.shape).toEqual(output.shape);
    const tolerance = { rtol: 1e-12, atol: 1e-14 };
    expectClose(result.data, numbers(output.data), { ...tolerance, label: name });
    ops.backward(
      result,
      Float64Array.from({ length: result.size }, (_, i) => (i + 1) / 4),
    );
    leaves.forEach((leaf, i) => {
      expectClose(leaf.grad ?? [], numbers(grads[i]), {
        ...tolerance,
        label: `${name}, gradient of input ${i}`,
      });
    });
  });
});

test('erf and erfc keep 14 digits, tails included', () => {
  const { x, erf: expected, erfc: complement } = reference.erf;
  expectClose(x.map(erf), expected, { rtol: 1e-14, atol: 0, label: 'erf' });
  // e^(−x²) cannot be better than the rounding of x², hence the allowance growing with it.
  x.forEach((at, i) => {
    const rtol = 1e-14 + at * at * 2.3e-16;
    expectClose([erfc(at)], [complement[i]], { rtol, atol: 1e-320, label: `erfc(${at})` });
  });
  expect(erf(Number.NaN)).toBeNaN();
  expect([erf(Number.POSITIVE_INFINITY), erf(Number.NEGATIVE_INFINITY)]).toEqual([1, -1]);
});
