/** The mixture of experts against the reference, which computes one row and expert at a time. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  backward,
  linear,
  loadBalance,
  mixtureOfExperts,
  mul,
  sum,
  Tensor,
} from '../../../src/tensor/index.ts';
import { ALL_VARIANTS, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import {
  type Computation,
  expectFiniteDifferences,
  expectSameAsOracle,
  random,
  summed,
} from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Problem {
  readonly R: number;
  readonly d: number;
  readonly f: number;
  readonly experts: number;
  readonly active: number;
  readonly bias: boolean;
  readonly seed: number;
}

/** Return the `active` experts with the highest logits; of equal ones, the lower number. */
function chosenOf(logits: ArrayLike<number>, active: number): number[] {
  return Array.from(logits, (_, e) => e)
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
    .slice(0, active);
}

function reference(inputs: readonly oracle.Array64[], { R, d, f, active, bias }: Problem): oracle.Array64 {
  const [x, logits, weight1, weight2, bias1, bias2] = inputs as [
    oracle.Array64,
    oracle.Array64,
    oracle.Array64,
    oracle.Array64,
    oracle.Array64,
    oracle.Array64,
  ];
  if (R === 0) return oracle.mul(x, 1);
  const of = (all: oracle.Array64, expert: number, shape: readonly number[]) =>
    oracle.reshape(oracle.slice(all, 0, expert, expert + 1), shape);
  const rows = Array.from({ length: R }, (_, row) => {
    const token = oracle.slice(x, 0, row, row + 1);
    const scores = oracle.slice(logits, 0, row, row + 1);
    const chosen = chosenOf(scores.data, active);
    const weights = oracle.softmax(oracle.indexSelect(scores, 1, chosen));
    return chosen
      .map((expert, i) => {
        const w1 = of(weight1, expert, [f, d]);
        const w2 = of(weight2, expert, [d, f]);
        const hidden = oracle.gelu(oracle.linear(token, w1, bias ? of(bias1, expert, [f]) : undefined));
        const output = oracle.linear(hidden, w2, bias ? of(bias2, expert, [d]) : undefined);
        return oracle.mul(output, oracle.slice(weights, 1, i, i + 1));
      })
      .reduce(oracle.add);
  });
  return oracle.cat(rows, 0);
}

/** Compute E·Σ_e f_e·P_e, with f_e counted from the choices of all rows. */
function balance(logits: oracle.Array64, { R, experts: E, active }: Problem): oracle.Array64 {
  const fractions = new Float64Array(E);
  for (let row = 0; row < R; row++) {
    for (const e of chosenOf(logits.data.slice(row * E, (row + 1) * E), active))
      fractions[e] += 1 / (R * active);
  }
  const weighted = oracle.mul(oracle.softmax(logits), oracle.array(fractions, [E]));
  return oracle.mul(oracle.sum(weighted), E / Math.max(1, R));
}

function computation(problem: Problem): Computation {
  const { R, d, f, experts: E, active, bias, seed } = problem;
  return {
    inputs: [
      random([R, d], seed),
      random([R, E], seed + 1),
      random([E, f, d], seed + 2, 0, 1 / Math.sqrt(d)),
      random([E, d, f], seed + 3, 0, 1 / Math.sqrt(f)),
      ...(bias ? [random([E, f], seed + 4), random([E, d], seed + 5)] : []),
    ],
    gpu: (inputs) => {
      const [x, logits, weight1, weight2, bias1, bias2] = inputs as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const weights = { weight1, weight2, ...(bias ? { bias1, bias2 } : {}) };
      const { y, routing } = mixtureOfExperts(x, logits, active, weights);
      return [y, loadBalance(logits, routing)];
    },
    oracle: (inputs) => [reference(inputs, problem), balance(inputs[1] as oracle.Array64, problem)],
    gradient: (input) => summed(input < 2 ? d : R),
  };
}

const problems = fc
  .record({
    R: fc.constantFrom(0, 1, 2, 31, 33, 65, 100),
    d: fc.constantFrom(4, 12, 16),
    f: fc.constantFrom(8, 36),
    experts: fc.constantFrom(1, 2, 3, 5, 8),
    bias: fc.boolean(),
    seed: fc.nat(),
  })
  .chain((fixed) => fc.integer({ min: 1, max: fixed.experts }).map((active) => ({ ...fixed, active })));
const SMALL = { R: 3, d: 4, f: 4, experts: 3, active: 2, bias: true, seed: 21 };

const only = (problem: Problem, output: 0 | 1): Computation => {
  const { gpu, oracle: expected, ...rest } = computation(problem);
  return {
    ...rest,
    gpu: (inputs) => (gpu(inputs) as Tensor[])[output] as Tensor,
    oracle: (inputs) => (expected(inputs) as oracle.Array64[])[output] as oracle.Array64,
  };
};

describeOps('Mixture of experts', [
  {
    name: 'mixtureOfExperts',
    dtypes: 'f32',
    runs: 24,
    cases: problems.map((problem) => only(problem, 0)),
    small: { ...only(SMALL, 0), eps: 3e-3 },
  },
  {
    name: 'loadBalance',
    dtypes: 'f32',
    runs: 24,
    cases: problems.map((problem) => only(problem, 1)),
    small: { ...only(SMALL, 1), eps: 3e-3 },
  },
]);

describe.each(ALL_VARIANTS)('$variant', (options) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice(options);
  });
  afterAll(() => device.destroy());

  test('the load-balancing loss is 1 when balanced and E when one expert gets everything', async () => {
    const d = 4;
    const experts = { weight1: Tensor.zeros(device, [2, d, d]), weight2: Tensor.zeros(device, [2, d, d]) };
    const balanceOf = (logits: number[]) => {
      const scores = Tensor.from(device, logits, [2, 2]);
      const { routing } = mixtureOfExperts(Tensor.zeros(device, [2, d]), scores, 1, experts);
      return loadBalance(scores, routing).item();
    };
    expect(await balanceOf([9, -9, -9, 9])).toBeCloseTo(1, 5);
    expect(await balanceOf([30, -30, 30, -30])).toBeCloseTo(2, 5);
  });

  test('experts of several tiles, forward and backward', async () => {
    for (const bias of [true, false]) {
      const problem = { R: 70, d: 8, f: 36, experts: 3, active: 2, bias, seed: 11 };
      await expectSameAsOracle(device, only(problem, 0));
    }
  });

  test('only the first rows count for the load balance, whatever follows', async () => {
    const problem = { R: 40, d: 8, f: 12, experts: 4, active: 2, bias: false, seed: 5 };
    const padded = { ...problem, R: 64 };
    const { inputs } = computation(padded);
    const logits = inputs[1] as (typeof inputs)[number];
    const weights = inputs.slice(2).map(({ values, shape }) => Tensor.from(device, values, shape));
    const [weight1, weight2] = weights as [Tensor, Tensor];
    for (const rows of [40, () => 40]) {
      await expectSameAsOracle(device, {
        inputs: [logits],
        gpu: ([scores]) => {
          const x = Tensor.zeros(device, [64, 8]);
          const { routing } = mixtureOfExperts(x, scores as Tensor, 2, { weight1, weight2 });
          return loadBalance(scores as Tensor, routing, rows);
        },
        oracle: ([scores]) => balance(oracle.slice(scores as oracle.Array64, 0, 0, 40), problem),
      });
    }
  });

  test('experts that no row chooses, ties, and one that all choose', async () => {
    const problem = { R: 40, d: 8, f: 12, experts: 4, active: 2, bias: true, seed: 7 };
    const all = computation(problem);
    for (const logit of [(e: number) => (e === 2 ? 5 : 0), () => 0, (e: number) => -e]) {
      const values = Float32Array.from({ length: 160 }, (_, i) => logit(i % 4));
      const inputs = all.inputs.map((input, i) => (i === 1 ? { ...input, values } : input));
      await expectSameAsOracle(device, { ...all, inputs });
    }
  });

  test('the router before it, and x used by both', async () => {
    const problem = { R: 33, d: 8, f: 12, experts: 3, active: 2, bias: false, seed: 11 };
    const { inputs, gpu } = computation(problem);
    const [x, , weight1, weight2] = inputs as [...typeof inputs, never, never, never];
    await expectSameAsOracle(device, {
      inputs: [x, random([3, 8], 12), weight1, weight2],
      gpu: ([input, router, w1, w2]) => {
        const scaled = mul(input as Tensor, 1.5);
        return gpu([scaled, linear(scaled, router as Tensor), w1 as Tensor, w2 as Tensor]);
      },
      oracle: ([input, router, w1, w2]) => {
        const scaled = oracle.mul(input as oracle.Array64, 1.5);
        const logits = oracle.linear(scaled, router as oracle.Array64);
        return [
          reference([scaled, logits, w1 as oracle.Array64, w2 as oracle.Array64], problem),
          balance(logits, problem),
        ];
      },
      gradient: () => summed(40),
    });
  });

  test('frozen experts get no gradient', async () => {
    const all = computation({ R: 5, d: 8, f: 12, experts: 3, active: 2, bias: true, seed: 3 });
    const inputs = all.inputs.map((input, i) => ({ ...input, constant: i > 1 }));
    await expectSameAsOracle(device, { ...all, inputs });
  });

  test('the same input gives the same bits', async () => {
    using _ = device.scope();
    const { inputs, gpu } = computation({ R: 100, d: 16, f: 36, experts: 5, active: 3, bias: true, seed: 2 });
    const run = async () => {
      const leaves = inputs.map(({ values, shape }) => Tensor.from(device, values, shape).requireGrad());
      const outputs = gpu(leaves) as readonly Tensor[];
      for (const output of outputs) backward(sum(output));
      return [...outputs, ...leaves.map(({ grad }) => grad as Tensor)];
    };
    const read = async (tensors: readonly Tensor[]) => {
      const data = [];
      for (const tensor of tensors) data.push(await tensor.data());
      return data;
    };
    expect(await read(await run())).toEqual(await read(await run()));
  });

  test('finite differences', async () => {
    // Router logits far enough apart that no probe changes the choice.
    const logits = { values: Float32Array.of(2, 0, 1, -1, 1, 3), shape: [2, 3] };
    const inputs = computation({ R: 2, d: 4, f: 4, experts: 3, active: 2, bias: true, seed: 1 }).inputs.map(
      (input, i) => (i === 1 ? logits : input),
    );
    const f = (leaves: readonly Tensor[]) => {
      const [x, scores, weight1, weight2, bias1, bias2] = leaves as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      return mixtureOfExperts(x, scores, 2, { weight1, bias1, weight2, bias2 }).y;
    };
    await expectFiniteDifferences(device, f, inputs);
  });

  test('shapes that disagree are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    const experts = { weight1: zeros(3, 8, 4), weight2: zeros(3, 4, 8) };
    const run =
      (x: Tensor, logits: Tensor, active: number, changed = {}) =>
      () =>
        mixtureOfExperts(x, logits, active, { ...experts, ...changed });
    expect(run(zeros(5, 4), zeros(5, 2), 1)).toThrow(/mixtureOfExperts: .*1 of 3 experts/);
    expect(run(zeros(5, 4), zeros(5, 3), 4)).toThrow(/4 of 3 experts active/);
    expect(run(zeros(5, 4), zeros(5, 3), 0)).toThrow(/0 of 3 experts active/);
    expect(run(zeros(5, 8), zeros(5, 3), 1)).toThrow(/weight1 \(3,8,4\) for 3 experts of 8 inputs/);
    expect(run(zeros(5, 4), zeros(5, 3), 1, { weight2: zeros(3, 8, 4) })).toThrow(/weight2 \(3,8,4\)/);
    expect(run(zeros(5, 4), zeros(5, 3), 1, { bias1: zeros(3, 4) })).toThrow(/bias1 \(3,4\)/);
    const odd = { weight1: zeros(3, 6, 4), weight2: zeros(3, 4, 6) };
    expect(run(zeros(5, 4), zeros(5, 3), 1, odd)).toThrow(/4 inputs and 6 hidden/);
  });
});
