/** Losses against the reference and PyTorch's conventions: what is ignored, what is smoothed, what is averaged. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  backward,
  type CrossEntropyOptions,
  crossEntropy,
  mseLoss,
  nllLoss,
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
  /** Of the logits (N,C,…), or (C). */
  readonly shape: readonly number[];
  readonly seed: number;
  readonly signed: boolean;
  readonly weighted: boolean;
  readonly options: Omit<CrossEntropyOptions, 'weight'>;
}

/** Rows (M,C) of an array (N,C,…) or (C). */
function rowsOf(x: oracle.Array64): oracle.Array64 {
  const { shape } = x;
  if (shape.length === 1) return oracle.reshape(x, [1, shape[0] ?? 0]);
  const last = oracle.permute(x, [0, ...shape.map((_, i) => i).slice(2), 1]);
  return oracle.reshape(last, [oracle.sizeOf(shape.toSpliced(1, 1)), shape[1] ?? 0]);
}

/** About a third of the targets are `ignoreIndex`, if there is one. */
function classified(name: 'crossEntropy' | 'nllLoss', problem: Problem): Computation {
  const { shape, seed, signed, weighted, options } = problem;
  const { ignoreIndex, reduction = 'mean' } = options;
  const at = shape.length === 1 ? 0 : 1;
  const [C, outer] = [shape[at] ?? 0, shape.toSpliced(at, 1)];
  const M = oracle.sizeOf(outer);
  const targets = integers(seed, M, C).map((id, i) =>
    ignoreIndex !== undefined && i % 3 === 1 ? ignoreIndex : id,
  );
  const values = signed ? Int32Array.from(targets) : Uint32Array.from(targets);
  const classes = Float32Array.from({ length: C }, (_, i) => ((i * 7 + seed) % 5) / 2 + 0.25);
  const weight = weighted ? { weight: classes } : {};
  return {
    inputs: [
      random(shape, seed, 0, 2),
      { values, shape: outer },
      { values: classes, shape: [C], constant: true },
    ],
    gpu: ([x, ids, weights]) => {
      const all = { ...options, ...(weighted ? { weight: weights as Tensor } : {}) };
      if (name === 'crossEntropy') return crossEntropy(x as Tensor, ids as Tensor, all);
      const { labelSmoothing: _, ...others } = all;
      return nllLoss(x as Tensor, ids as Tensor, others);
    },
    oracle: ([x]) => {
      const rows = rowsOf(x as oracle.Array64);
      const losses =
        name === 'crossEntropy'
          ? oracle.crossEntropyLoss(rows, targets, { ...options, ...weight })
          : oracle.nllLoss(rows, targets, { reduction, ignoreIndex: ignoreIndex ?? -100, ...weight });
      return reduction === 'none' ? oracle.reshape(losses, outer) : losses;
    },
    forward: { ...(reduction === 'sum' ? summed(M, 10) : {}), equalNaN: true },
    gradient: () => ({ equalNaN: true }),
  };
}

const problems = fc.record({
  shape: fc
    .tuple(
      dimension(),
      dimension(false).map((C) => Math.min(C, 130)),
      fc.constantFrom([], [], [3], [2, 5]),
      fc.nat(9),
    )
    .map(([N, C, rest, few]) => (few === 0 ? [C] : [rest.length > 0 ? Math.min(N, 9) : N, C, ...rest])),
  seed: fc.nat(),
  signed: fc.boolean(),
  weighted: fc.boolean(),
  options: fc.record({
    reduction: fc.constantFrom(...REDUCTIONS),
    ignoreIndex: fc.constantFrom(-100, 0, 1),
    labelSmoothing: fc.constantFrom(0, 0, 0.1, 1),
  }),
});
const SMALL: Problem = {
  ...{ shape: [2, 5, 2], seed: 1, signed: true, weighted: true },
  options: { labelSmoothing: 0.2, ignoreIndex: -100 },
};

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
    cases: problems.map((problem) => classified('crossEntropy', problem)),
    small: classified('crossEntropy', SMALL),
  },
  {
    name: 'nllLoss',
    dtypes: 'f32, targets u32, i32',
    runs: 30,
    cases: problems.map((problem) => classified('nllLoss', problem)),
    small: classified('nllLoss', SMALL),
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

  test('an ignored target may lie anywhere', async () => {
    using _ = device.scope();
    const rows = [
      [0, 0],
      [0, 0],
      [0, 0],
    ];
    expect([...(await losses(rows, Int32Array.of(1, -100, 0)))][1]).toBe(0);
    expect([...(await losses(rows, Int32Array.of(1, 7, 7), { ignoreIndex: 7 }))].slice(1, 3)).toEqual([0, 0]);
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

  test('weights as in PyTorch: torch.nn.functional.cross_entropy', async () => {
    using _ = device.scope();
    // log softmax of equal logits is −ln 2: Σ w·ln 2 / Σ w, and with smoothing the even share weighs both classes.
    const logits = Tensor.from(device, [0, 0, 0, 0], [2, 2]);
    const targets = Tensor.from(device, Int32Array.of(0, 1));
    const weight = Tensor.from(device, [1, 3]);
    const ln2 = Math.LN2;
    expectClose([await crossEntropy(logits, targets, { weight }).item()], [ln2]);
    const none = await crossEntropy(logits, targets, { weight, reduction: 'none' }).data();
    expectClose(none, [ln2, 3 * ln2]);
    // (0.9·(1 + 3)·ln 2 + 2·0.05·(1 + 3)·ln 2) / (1 + 3)
    expectClose([await crossEntropy(logits, targets, { weight, labelSmoothing: 0.1 }).item()], [ln2]);
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
    expect(() => crossEntropy(logits, ids(3), { weight: Tensor.zeros(device, [3]) })).toThrow(
      /crossEntropy: weight \(3\) for 4 classes/,
    );
    expect(() => nllLoss(Tensor.zeros(device, [2, 4, 5]), ids(10))).toThrow(
      /nllLoss: x \(2,4,5\), targets \(10\)/,
    );
    expect(() => mseLoss(logits, Tensor.zeros(device, [4]))).toThrow(
      /mseLoss: prediction \(3,4\), target \(4\)/,
    );
  });
});
