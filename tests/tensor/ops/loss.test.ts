/** Losses against the reference and PyTorch's conventions: what is ignored, what is smoothed, what is averaged. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  backward,
  type CrossEntropyOptions,
  crossEntropy,
  mseLoss,
  Tensor,
} from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { dimension, integers, shapes } from '../../oracle/random.ts';
import { type Computation, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

const REDUCTIONS = ['mean', 'sum', 'none'] as const;

interface Problem {
  readonly N: number;
  readonly V: number;
  readonly seed: number;
  readonly signed: boolean;
  readonly options: CrossEntropyOptions;
}

/** About a third of the targets are `ignoreIndex`, if there is one. */
function entropies({ N, V, seed, signed, options }: Problem): Computation {
  const { ignoreIndex, reduction = 'mean' } = options;
  const targets = integers(seed, N, V).map((id, i) =>
    ignoreIndex !== undefined && i % 3 === 1 ? ignoreIndex : id,
  );
  const values = signed ? Int32Array.from(targets) : Uint32Array.from(targets);
  return {
    inputs: [random([N, V], seed, 0, 2), { values, shape: [N] }],
    gpu: ([logits, ids]) => crossEntropy(logits as Tensor, ids as Tensor, options),
    oracle: ([logits]) => oracle.crossEntropyLoss(logits as oracle.Array64, targets, options),
    forward: { ...(reduction === 'sum' ? summed(N, 5) : {}), equalNaN: true },
    gradient: () => ({ equalNaN: true }),
  };
}

const problems = fc.record({
  N: dimension(),
  V: dimension(false).map((V) => Math.min(V, 130)),
  seed: fc.nat(),
  signed: fc.boolean(),
  options: fc.record({
    reduction: fc.constantFrom(...REDUCTIONS),
    ignoreIndex: fc.constantFrom(-100, 0, 1),
    labelSmoothing: fc.constantFrom(0, 0, 0.1, 1),
  }),
});

const squares = (
  shape: readonly number[],
  reduction: (typeof REDUCTIONS)[number],
  seed: number,
): Computation => ({
  inputs: [random(shape, seed), random(shape, seed + 1)],
  gpu: ([x, y]) => mseLoss(x as Tensor, y as Tensor, { reduction }),
  oracle: ([x, y]) => {
    const difference = oracle.sub(x as oracle.Array64, y as oracle.Array64);
    const losses = oracle.mul(difference, difference);
    if (reduction === 'none') return losses;
    return reduction === 'mean' ? oracle.mean(losses) : oracle.sum(losses);
  },
  forward: { ...summed(oracle.sizeOf(shape), 2), equalNaN: true },
});

describeOps('Losses', [
  {
    name: 'crossEntropy',
    dtypes: 'f32, targets u32, i32',
    runs: 40,
    cases: problems.map(entropies),
    small: entropies({
      ...{ N: 4, V: 5, seed: 1, signed: true },
      options: { labelSmoothing: 0.2, ignoreIndex: -100 },
    }),
  },
  {
    name: 'mseLoss',
    dtypes: 'f32',
    cases: fc
      .tuple(shapes(), fc.constantFrom(...REDUCTIONS), fc.nat())
      .map(([shape, reduction, seed]) => squares(shape, reduction, seed)),
    small: squares([2, 3], 'mean', 1),
  },
]);

describe('crossEntropy', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const inf = Number.POSITIVE_INFINITY;
  const losses = (logits: readonly number[][], targets: Int32Array<ArrayBuffer>, options = {}) =>
    crossEntropy(
      Tensor.from(device, logits.flat(), [logits.length, logits[0]?.length ?? 0]),
      Tensor.from(device, targets),
      {
        reduction: 'none',
        ...options,
      },
    ).data();

  test('a target outside of the classes makes the loss NaN; an ignored one may lie anywhere', async () => {
    using _ = device.scope();
    const rows = [
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ];
    const values = await losses(rows, Int32Array.of(1, 2, -1, -100));
    expect([...values]).toEqual([expect.closeTo(Math.log(2), 6), Number.NaN, Number.NaN, 0]);
    expect([...(await losses(rows, Int32Array.of(1, 7, 7, 1), { ignoreIndex: 7 }))].slice(1, 3)).toEqual([
      0, 0,
    ]);
  });

  test('what an ignored row holds does not matter, nor does −∞ beside the target', async () => {
    using _ = device.scope();
    const logits = Tensor.from(device, [-inf, -inf, Number.NaN, 1, -inf, 1], [3, 2]).requireGrad();
    const targets = Tensor.from(device, Int32Array.of(-100, -100, 1));
    for (const labelSmoothing of [0, 0.1]) {
      const values = await crossEntropy(logits, targets, { reduction: 'none', labelSmoothing }).data();
      expect([...values]).toEqual([0, 0, labelSmoothing === 0 ? 0 : inf]);
    }
    const loss = crossEntropy(logits, targets);
    expect(await loss.item()).toBe(0);
    backward(loss);
    expectClose((await logits.grad?.data()) ?? [], new Float32Array(6));
  });

  test('the mean over no rows is NaN, the sum 0', async () => {
    using _ = device.scope();
    const targets = Int32Array.of(-100);
    expect([...(await losses([[1, 2]], targets, { reduction: 'mean' }))]).toEqual([Number.NaN]);
    expect([...(await losses([[1, 2]], targets, { reduction: 'sum' }))].map(Math.abs)).toEqual([0]);
  });

  test('operands that do not fit are named', () => {
    using _ = device.scope();
    const logits = Tensor.zeros(device, [3, 4]);
    const ids = (n: number) => Tensor.zeros(device, [n], 'u32');
    expect(() => crossEntropy(logits, ids(2))).toThrow(/crossEntropy: logits \(3,4\), targets \(2\)/);
    expect(() => crossEntropy(logits, Tensor.zeros(device, [3]))).toThrow(
      /crossEntropy: targets .*dtype f32/,
    );
    expect(() => crossEntropy(logits, ids(3), { labelSmoothing: 2 })).toThrow(
      /crossEntropy: labelSmoothing is 2/,
    );
    expect(() => mseLoss(logits, Tensor.zeros(device, [4]))).toThrow(
      /mseLoss: prediction \(3,4\), target \(4\)/,
    );
  });
});
