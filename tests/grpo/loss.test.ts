/** The GRPO loss against golden values, NumPy's table and the float64 reference, and its properties. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { clippedSurrogate, grpoLoss, k3, type LossOptions } from '../../src/grpo/loss.ts';
import { backward, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { normals, normalValues, seeded } from '../oracle/random.ts';
import { referenceJson } from '../oracle/reference.ts';

/** One value for each token. */
interface Tokens {
  readonly logp: readonly number[];
  readonly oldLogp: readonly number[];
  readonly refLogp?: readonly number[];
  readonly advantages: readonly number[];
  readonly weights: readonly number[];
}

/** Tokens of rows of different lengths: the mask is what the weights leave out, 1/(B·n) each. */
function tokensOf(
  rows: readonly { readonly logp: readonly number[]; readonly advantage: number }[],
): Pick<Tokens, 'logp' | 'advantages' | 'weights'> {
  return {
    logp: rows.flatMap(({ logp }) => logp),
    advantages: rows.flatMap(({ logp, advantage }) => logp.map(() => advantage)),
    weights: rows.flatMap(({ logp }) => logp.map(() => 1 / (rows.length * logp.length))),
  };
}

describe.each(VARIANTS)('the loss, $variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  async function evaluate(
    tokens: Tokens,
    options: LossOptions,
  ): Promise<{ loss: number; gradient: number[] }> {
    using _ = device.scope();
    const logp = Tensor.from(device, tokens.logp).requireGrad();
    const loss = grpoLoss(
      {
        logp,
        oldLogp: Tensor.from(device, tokens.oldLogp),
        refLogp: tokens.refLogp && Tensor.from(device, tokens.refLogp),
        advantages: Tensor.from(device, tokens.advantages),
        weights: Tensor.from(device, tokens.weights),
      },
      options,
    );
    backward(loss);
    return { loss: await loss.item(), gradient: Array.from((await logp.grad?.data()) ?? []) };
  }

  test('the golden value: ratios (1.5, 0.9), (0.7, 1, 3.5), (1.1), advantages 1, −1, ½', async () => {
    const rows = [
      { ratios: [1.5, 0.9], advantage: 1 },
      { ratios: [0.7, 1, 3.5], advantage: -1 },
      { ratios: [1.1], advantage: 0.5 },
    ];
    const tokens = tokensOf(rows.map(({ ratios, advantage }) => ({ logp: ratios.map(Math.log), advantage })));
    const oldLogp = tokens.logp.map(() => 0);
    const { loss, gradient } = await evaluate({ ...tokens, oldLogp }, { clipRatio: 0.2, klCoef: 0 });
    expectClose([loss], [0.0555556], { rtol: 0, atol: 2e-7 });
    // −w·A·r where the clip leaves the token alone, exactly 0 at 1.5 (A > 0) and at 0.7 (A < 0).
    expectClose(gradient, [0, -0.9 / 6, 0, 1 / 9, 3.5 / 9, -0.55 / 3], { rtol: 1e-6, atol: 0 });
  });

  interface Row {
    readonly case: number;
    readonly mode: string;
    readonly clip: number;
    readonly kl_coef: number;
    readonly logp: number[][];
    readonly old_logp: number[][];
    readonly ref_logp: number[][];
    readonly mask: number[][];
    readonly advantages: number[];
    readonly loss: number;
    readonly policy_loss: number;
    readonly dloss_dlogp: number[][];
  }
  const { token_loss } = referenceJson<{ readonly token_loss: Row[] }>('grpo');
  const cases = token_loss.filter(({ mode }) => mode === 'sequence_mean');

  test('NumPy’s table has all 18 cases', () => {
    expect(cases.length).toBe(18);
  });

  test.each(cases)('case $case, clip $clip, kl $kl_coef: loss and gradient', async (row) => {
    const inside = (table: readonly (readonly number[])[]): number[][] =>
      table.map((values, i) => values.filter((_, t) => row.mask[i][t] === 1));
    const tokens = {
      ...tokensOf(inside(row.logp).map((logp, i) => ({ logp, advantage: row.advantages[i] }))),
      oldLogp: inside(row.old_logp).flat(),
      refLogp: inside(row.ref_logp).flat(),
    };
    const options = { clipRatio: row.clip, klCoef: row.kl_coef };
    const { loss, gradient } = await evaluate(tokens, options);
    expectClose([loss], [row.loss], { rtol: 1e-5, atol: 1e-6 });
    expectClose(gradient, inside(row.dloss_dlogp).flat(), { rtol: 1e-5, atol: 1e-7 });
    const { loss: policyLoss } = await evaluate(tokens, { ...options, klCoef: 0 });
    expectClose([policyLoss], [row.policy_loss], { rtol: 1e-5, atol: 1e-6 });
  });
});

describe('properties of the loss', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const tensor = (values: Iterable<number>): Tensor => Tensor.from(device, Float32Array.from(values));

  test('on policy the gradient is −Σ w·A·∇ℓ, to the bit', async () => {
    using _ = device.scope();
    const values = normals(1, 40, -1);
    const [advantages, weights] = [normals(2, 40), normals(3, 40).map(Math.abs)];
    const logp = tensor(values).requireGrad();
    const inputs = {
      logp,
      oldLogp: tensor(values),
      advantages: tensor(advantages),
      weights: tensor(weights),
    };
    backward(grpoLoss(inputs, { clipRatio: 0.2, klCoef: 0 }));
    const expected = advantages.map((advantage, i) => -weights[i] * advantage);
    expectClose((await logp.grad?.data()) ?? [], expected, { rtol: 1.2e-7, atol: 0 });
  });

  test('a token loses its gradient only for (A > 0, r > 1 + ε) and (A < 0, r < 1 − ε)', async () => {
    const sampled = fc.sample(
      fc.tuple(fc.double({ min: 0.05, max: 4, noNaN: true }), fc.constantFrom(-2, -0.5, 0.5, 2)),
      { ...seeded, numRuns: 300 },
    );
    using _ = device.scope();
    const logp = tensor(sampled.map(([ratio]) => Math.log(ratio))).requireGrad();
    const zeros = tensor(sampled.map(() => 0));
    backward(sum(clippedSurrogate(logp, zeros, tensor(sampled.map(([, advantage]) => advantage)), 0.2)));
    const expected = sampled.map(([ratio, advantage]) =>
      (advantage > 0 ? ratio > 1.2 : ratio < 0.8) ? 0 : ratio * advantage,
    );
    expect(expected.filter((value) => value === 0).length).toBeGreaterThan(50);
    expectClose((await logp.grad?.data()) ?? [], expected, { rtol: 1e-6, atol: 0 });
  });

  test('the KL estimate is 0 where the models agree, else positive, with gradient 1 − e^(ref − ℓ)', async () => {
    using _ = device.scope();
    const [values, reference] = fc.sample(normalValues(64), { ...seeded, numRuns: 2 });
    const logp = tensor(values).requireGrad();
    const kl = k3(logp, tensor(reference));
    const expected = Array.from(values, (l, i) => Math.expm1(reference[i] - l) - (reference[i] - l));
    expectClose(await kl.data(), expected, { rtol: 1e-5, atol: 1e-6 });
    backward(sum(kl));
    const slope = Array.from(values, (l, i) => 1 - Math.exp(reference[i] - l));
    expectClose((await logp.grad?.data()) ?? [], slope, { rtol: 1e-5, atol: 1e-6 });
    expect(Array.from(await k3(logp.detach(), tensor(values)).data())).toEqual(new Array(64).fill(0));
  });

  test('losses of parts add up to the loss of the whole, and order does not matter', async () => {
    using _ = device.scope();
    const draw = (seed: number): Float32Array => normals(seed, 24, 0, 0.5);
    const columns = [draw(1), draw(2), draw(3), draw(4), draw(5).map(Math.abs)];
    const lossOf = async (rows: readonly number[]): Promise<number> => {
      const [logp, oldLogp, refLogp, advantages, weights] = columns.map((column) =>
        tensor(rows.map((row) => column[row])),
      );
      return grpoLoss(
        { logp, oldLogp, refLogp, advantages, weights },
        { clipRatio: 0.2, klCoef: 0.1 },
      ).item();
    };
    const rows = Array.from({ length: 24 }, (_, i) => i);
    const whole = await lossOf(rows);
    for (const cut of [1, 5, 12]) {
      const parts = (await lossOf(rows.slice(0, cut))) + (await lossOf(rows.slice(cut)));
      expectClose([parts], [whole], { rtol: 1e-5 });
    }
    expectClose([await lossOf(rows.toReversed())], [whole], { rtol: 1e-5 });
  });
});
