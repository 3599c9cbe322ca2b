/** The losses against golden values, NumPy's table and the float64 reference, and their properties. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { clipRange, LOSS_NAMES, type LossName } from '../../src/grpo/clipping.ts';
import { grpoLoss, type LossOptions, sequenceMean } from '../../src/grpo/grpoLoss.ts';
import { KL_ESTIMATORS } from '../../src/grpo/kl.ts';
import { clippedSurrogate, LOSSES, tokenWeight } from '../../src/grpo/losses.ts';
import { backward, capture, full, type Scalar, sub, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { type Array64, backward as oracleBackward, parameter } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { policyLoss, tokenWeights } from '../oracle/grpo.ts';
import { normals, seeded } from '../oracle/random.ts';
import { referenceJson } from '../oracle/reference.ts';
import {
  atTokens,
  lossInputs,
  MAX_LENGTH,
  policyBatch,
  type StepOf,
  stepOf,
  type TokenRow,
} from './tokenRows.ts';

interface Found {
  readonly total: number;
  readonly policy: number;
  /** Gradient with respect to the log-probabilities. */
  readonly gradient: number[];
}

interface More {
  /** Bound of the importance weights of rows with ℓ_prox. */
  readonly cap?: number;
  readonly step?: StepOf;
  readonly padding?: number;
  /** For the KL, estimated by k3. */
  readonly refLogp?: readonly number[];
  readonly entropy?: readonly number[];
}

async function evaluate(
  device: Device,
  rows: readonly TokenRow[],
  options: LossOptions & { readonly loss: LossName },
  { refLogp, entropy, ...more }: More = {},
): Promise<Found> {
  using _ = device.scope();
  const inputs = lossInputs(device, rows, options.loss, more);
  const { logp } = inputs;
  const kl = refLogp && KL_ESTIMATORS.k3.tensor(sub(logp, Tensor.from(device, refLogp)));
  const { total, policy } = grpoLoss(
    { ...inputs, kl, entropy: entropy && Tensor.from(device, entropy) },
    options,
  );
  backward(total);
  return {
    total: await total.item(),
    policy: await policy.item(),
    gradient: Array.from((await logp.grad?.data()) ?? []),
  };
}

/** Compute the expected values by definition, in float64. */
function expected(
  rows: readonly TokenRow[],
  options: LossOptions & { readonly loss: LossName },
  importanceCap = Number.POSITIVE_INFINITY,
): { readonly loss: number; readonly gradient: number[] } {
  let leaf: Array64 | undefined;
  const batch = policyBatch(rows, (padded) => {
    leaf = parameter(padded.data, padded.shape);
    return leaf;
  });
  const { clipRatio, clipRatioHigh, dualClip } = clipRange(options.loss, options);
  const value = policyLoss(batch, {
    loss: options.loss,
    maxLength: MAX_LENGTH,
    importanceCap,
    epsilonLow: clipRatio,
    epsilonHigh: clipRatioHigh,
    ...(dualClip > 0 && { dualClip }),
  });
  oracleBackward(value);
  return { loss: value.item(), gradient: atTokens(rows, leaf?.grad ?? []) };
}

/** Rows of up to five tokens, ratios off the borders of the clip and of the dual clip. */
function randomRows(seed: number, lengths: readonly number[] = [5, 3, 1, 4]): TokenRow[] {
  return lengths.map((length, i) => {
    const oldLogp = Array.from(normals(seed + 10 * i, length, -1.2, 0.4));
    const step = normals(seed + 10 * i + 5, length, 0, 0.3);
    const advantage = [1.2, -0.7, 0.4, -1][i % 4];
    return { logp: oldLogp.map((old, t) => old + step[t]), oldLogp, advantage };
  });
}

/** Make the recorded log-probabilities ℓ_prox, and record others. */
function sampledBefore({ logp, oldLogp, advantage }: TokenRow, seed: number): TokenRow {
  const drift = normals(7 * seed + 3, oldLogp.length, 0, 0.5);
  return { logp, proxLogp: oldLogp, oldLogp: oldLogp.map((old, t) => old + drift[t]), advantage };
}

const WIDE = { clipRatio: 0.2, clipRatioHigh: 0.28 } as const;

describe.each(VARIANTS)('the losses, $variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  describe('golden: ratios (1.5, 0.9), (0.7, 1, 3.5), (1.1), advantages 1, −1, ½', () => {
    const rows = [
      { ratios: [1.5, 0.9], advantage: 1 },
      { ratios: [0.7, 1, 3.5], advantage: -1 },
      { ratios: [1.1], advantage: 0.5 },
    ].map(({ ratios, advantage }) => ({
      logp: ratios.map(Math.log),
      oldLogp: ratios.map(() => 0),
      advantage,
    }));
    const SAME = { clipRatio: 0.2, clipRatioHigh: 0.2 };
    // L_max is 4 there.
    const withRoom = (found: number, loss: LossName) =>
      loss === 'dr_grpo' ? (found * MAX_LENGTH) / 4 : found;

    test.each([
      ['grpo', SAME, 0.0555556],
      ['dapo', SAME, 0.4416667],
      ['dr_grpo', SAME, 0.2208333],
      ['gspo', SAME, -0.1212651],
      ['grpo', WIDE, 0.0422222],
      ['dapo', WIDE, 0.4283333],
      ['dr_grpo', WIDE, 0.2141667],
      ['grpo', { ...WIDE, dualClip: 3 }, -0.0133333],
      ['dapo', { ...WIDE, dualClip: 3 }, 0.345],
      ['dr_grpo', { ...WIDE, dualClip: 3 }, 0.1725],
    ] as const)('%s, %o: %f', async (loss, range, value) => {
      const { policy, total } = await evaluate(device, rows, { loss, ...range });
      expectClose([withRoom(policy, loss)], [value], { rtol: 0, atol: 2e-7 });
      expect(total).toBe(policy);
    });

    test('the gradient of dapo; that of clipped tokens is exactly 0', async () => {
      const { gradient } = await evaluate(device, rows, { loss: 'dapo', ...SAME });
      expectClose(gradient, [0, -0.15, 0, 1 / 6, 3.5 / 6, -1.1 / 12], { rtol: 1e-6, atol: 0 });
    });

    test('cispo by hand: −Σ min(r, 1.28)·A·ℓ/6, and every token has a gradient', async () => {
      const { policy, gradient } = await evaluate(device, rows, { loss: 'cispo' });
      const ratios = [1.28, 0.9, 0.7, 1, 1.28, 1.1];
      const advantages = [1, 1, -1, -1, -1, 0.5];
      const logp = rows.flatMap((row) => row.logp);
      const terms = ratios.map((ratio, i) => ratio * advantages[i] * logp[i]);
      expectClose([policy], [-terms.reduce((a, b) => a + b, 0) / 6], { rtol: 1e-5, atol: 2e-7 });
      expectClose(
        gradient,
        ratios.map((ratio, i) => (-ratio * advantages[i]) / 6),
        { rtol: 1e-6, atol: 0 },
      );
    });
  });

  describe('by hand, corrected for who sampled: weights exp(ℓ_prox − ℓ_old) of (1.5, 0.5) and 4, cap 2', () => {
    // Ratios to ℓ_prox: (1.5, 0.9) with A = 1, and 0.7 with A = −1, which the clip holds at 0.8.
    const rows = [
      { weights: [1.5, 0.5], ratios: [1.5, 0.9], advantage: 1 },
      { weights: [4], ratios: [0.7], advantage: -1 },
    ].map(({ weights, ratios, advantage }) => {
      const proxLogp = weights.map((weight) => Math.log(weight) - 3);
      return {
        oldLogp: weights.map(() => -3),
        proxLogp,
        logp: proxLogp.map((prox, t) => prox + Math.log(ratios[t])),
        advantage,
      };
    });
    const SAME = { clipRatio: 0.2, clipRatioHigh: 0.2 };

    test.each([
      // S is (1.2, 0.9) and −0.8, times the weights 1.5, 0.5 and min(4, 2).
      ['dapo', -(1.5 * 1.2 + 0.5 * 0.9 - 2 * 0.8) / 3],
      ['grpo', -((1.5 * 1.2 + 0.5 * 0.9) / 2 - 2 * 0.8) / 2],
      ['dr_grpo', -(1.5 * 1.2 + 0.5 * 0.9 - 2 * 0.8) / (2 * MAX_LENGTH)],
      // Of each sequence the geometric means: weight √(1.5·0.5), ratio √(1.5·0.9); and 2 and 0.8.
      ['gspo', -(Math.sqrt(0.75) * Math.sqrt(1.35) - 2 * 0.8) / 2],
    ] as const)('%s', async (loss, value) => {
      const { policy } = await evaluate(device, rows, { loss, ...SAME }, { cap: 2 });
      expectClose([policy], [value], { rtol: 0, atol: 2e-7 });
    });

    test('the gradient of dapo: a weight times that of the clipped surrogate', async () => {
      const { gradient } = await evaluate(device, rows, { loss: 'dapo', ...SAME }, { cap: 2 });
      expectClose(gradient, [0, (-0.5 * 0.9) / 3, 0], { rtol: 1e-6, atol: 0 });
    });

    test('the gradient of cispo: −c·min(r, 1.2)·A/3', async () => {
      const { gradient } = await evaluate(device, rows, { loss: 'cispo', ...SAME }, { cap: 2 });
      expectClose(gradient, [(-1.5 * 1.2) / 3, (-0.5 * 0.9) / 3, (2 * 0.7) / 3], { rtol: 1e-6, atol: 0 });
    });
  });

  describe('NumPy’s table', () => {
    interface Row {
      readonly case: number;
      readonly mode: 'sequence_mean' | 'token_mean';
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
    const { token_loss: cases } = referenceJson<{ readonly token_loss: Row[] }>('grpo');

    test('has all 36 cases', () => {
      expect(cases.length).toBe(36);
    });

    test.each(cases)('case $case, $mode, clip $clip, kl $kl_coef: loss and gradient', async (row) => {
      const inside = (table: readonly (readonly number[])[]): number[][] =>
        table.map((values, i) => values.filter((_, t) => row.mask[i][t] === 1));
      const [logp, oldLogp] = [inside(row.logp), inside(row.old_logp)];
      const rows = logp.map((values, i) => ({
        logp: values,
        oldLogp: oldLogp[i],
        advantage: row.advantages[i],
      }));
      const loss = row.mode === 'sequence_mean' ? 'grpo' : 'dapo';
      const { total, policy, gradient } = await evaluate(
        device,
        rows,
        { loss, clipRatio: row.clip, clipRatioHigh: row.clip, klCoef: row.kl_coef },
        { refLogp: inside(row.ref_logp).flat() },
      );
      expectClose([total, policy], [row.loss, row.policy_loss], { rtol: 1e-5, atol: 1e-6 });
      expectClose(gradient, inside(row.dloss_dlogp).flat(), { rtol: 1e-5, atol: 1e-7 });
    });
  });

  test.each(LOSS_NAMES)(
    '%s: any rows, any clip: value and gradient of the float64 reference',
    async (loss) => {
      const cases = fc.record({
        seed: fc.nat({ max: 10_000 }),
        lengths: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
        padding: fc.constantFrom(0, 1, 7),
        clipRatio: fc.constantFrom(undefined, 0.05, 0.2, 0.5),
        clipRatioHigh: fc.constantFrom(undefined, 0.1, 0.28),
        dualClip: fc.constantFrom(0, 1.3, 3),
        cap: fc.constantFrom(undefined, 1, 1.2, 2),
      });
      await fc.assert(
        fc.asyncProperty(cases, async ({ seed, lengths, padding, cap, ...range }) => {
          const drawn = randomRows(seed, lengths);
          // The policy that sampled is another one than that before the step if there is a cap.
          const rows = cap ? drawn.map((row, i) => sampledBefore(row, seed + i)) : drawn;
          const options = { loss, ...clipRange(loss, range) };
          const { policy, gradient } = await evaluate(device, rows, options, {
            padding,
            ...(cap && { cap }),
          });
          const wanted = expected(rows, options, cap);
          expectClose([policy], [wanted.loss], { rtol: 1e-5, atol: 1e-6 });
          expectClose(gradient, [...wanted.gradient, ...new Array(padding).fill(0)], {
            rtol: 1e-5,
            atol: 1e-6,
          });
        }),
        { ...seeded, numRuns: 40 },
      );
    },
  );
});

describe('properties of every loss', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each(LOSS_NAMES)('%s: on policy r is 1 to the bit, and the gradient −w·A', async (loss) => {
    const rows = randomRows(1).map((row) => ({ ...row, oldLogp: row.logp }));
    const { gradient, policy } = await evaluate(device, rows, { loss, klCoef: 0 });
    const weights = atTokens(rows, tokenWeights(loss, policyBatch(rows).mask, MAX_LENGTH).data);
    const advantages = rows.flatMap(({ logp, advantage }) => logp.map(() => advantage));
    const wanted = weights.map((weight, i) => -weight * advantages[i]);
    // A float32 multiplication or two; gspo adds up as many as a sequence has.
    expectClose(gradient, wanted, { rtol: loss === 'gspo' ? 1e-6 : 2.4e-7, atol: 0 });
    if (loss === 'cispo') return;
    const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    expectClose([policy], [sumOf(wanted)], { rtol: 0, atol: 2e-7 });
  });

  test('a token loses its gradient only for (A > 0, r > 1 + ε_high) and (A < 0, r < 1 − ε_low)', async () => {
    const sampled = fc.sample(
      fc.tuple(fc.double({ min: 0.05, max: 4, noNaN: true }), fc.constantFrom(-2, -0.5, 0, 0.5, 2)),
      { ...seeded, numRuns: 400 },
    );
    const [ratios, advantages] = [0, 1].map((column) => sampled.map((pair) => pair[column]));
    const gradientOf = async (dualClip: number): Promise<ArrayLike<number>> => {
      using _ = device.scope();
      const ratio = Tensor.from(device, ratios).requireGrad();
      const token = { logp: ratio, ratio, advantages: Tensor.from(device, advantages) };
      backward(sum(clippedSurrogate(token, { ...WIDE, dualClip })));
      return (await ratio.grad?.data()) ?? [];
    };
    const clipped = (i: number): boolean => (advantages[i] > 0 ? ratios[i] > 1.28 : ratios[i] < 0.8);
    const wanted = advantages.map((advantage, i) => (clipped(i) ? 0 : advantage));
    expect(wanted.filter((value) => value === 0).length).toBeGreaterThan(100);
    expectClose(await gradientOf(0), wanted, { rtol: 1e-6, atol: 0 });
    // With dual clip also for (A < 0, r > c).
    const dual = wanted.map((value, i) => (advantages[i] < 0 && ratios[i] > 3 ? 0 : value));
    expect(dual).not.toEqual(wanted);
    expectClose(await gradientOf(3), dual, { rtol: 1e-6, atol: 0 });
  });

  test.each(LOSS_NAMES)('%s: padding, and the order of rows, change nothing', async (loss) => {
    const rows = randomRows(21);
    const { policy, gradient } = await evaluate(device, rows, { loss });
    const padded = await evaluate(device, rows, { loss }, { padding: 9 });
    expectClose([padded.policy], [policy], { rtol: 1e-6, atol: 1e-7 });
    expect(padded.gradient).toEqual([...gradient, ...new Array(9).fill(0)]);
    const order = [2, 0, 3, 1];
    const permuted = await evaluate(
      device,
      order.map((i) => rows[i]),
      { loss },
    );
    expectClose([permuted.policy], [policy], { rtol: 1e-6, atol: 1e-7 });
    const starts = [0, 5, 8, 9, 13];
    expect(permuted.gradient).toEqual(order.flatMap((i) => gradient.slice(starts[i], starts[i + 1])));
  });

  test.each(LOSS_NAMES)(
    '%s: parts of 1 … B rows add up to the loss, with the same gradient',
    async (loss) => {
      const rows = randomRows(31, [5, 3, 1, 4, 2, 5]);
      const options = { loss, klCoef: 0.3, entropyCoef: 0.1 };
      const tokens = stepOf(rows).tokens;
      const [refLogp, entropy] = [normals(3, tokens, -1, 0.5), normals(4, tokens).map(Math.abs)];
      const part = (first: number, last: number): Promise<Found> => {
        const [from, to] = [first, last].map((row) => stepOf(rows.slice(0, row)).tokens);
        const own = { refLogp: [...refLogp.slice(from, to)], entropy: [...entropy.slice(from, to)] };
        return evaluate(device, rows.slice(first, last), options, { ...own, step: stepOf(rows) });
      };
      const whole = await part(0, 6);
      for (const size of [1, 2, 3, 4, 5]) {
        const parts: Found[] = [];
        for (let first = 0; first < 6; first += size)
          parts.push(await part(first, Math.min(first + size, 6)));
        expect(parts.flatMap(({ gradient }) => gradient)).toEqual(whole.gradient);
        for (const name of ['total', 'policy'] as const) {
          const added = parts.reduce((total, each) => total + each[name], 0);
          expectClose([added], [whole[name]], { rtol: 1e-5, atol: 1e-6 });
        }
      }
    },
  );

  test.each(LOSS_NAMES)('%s: without tokens, and with padding alone, it is 0', async (loss) => {
    for (const padding of [0, 5]) {
      const { total, gradient } = await evaluate(device, randomRows(1, [0, 0]), { loss }, { padding });
      expect(Math.abs(total)).toBe(0);
      expectClose(gradient, new Array(padding).fill(0), { rtol: 0, atol: 0 });
    }
  });

  test.each(LOSS_NAMES)('%s: KL and entropy come in by their weights', async (loss) => {
    const rows = randomRows(41);
    const { tokens } = stepOf(rows);
    const [refLogp, entropy] = [[...normals(5, tokens, -1, 0.5)], [...normals(6, tokens).map(Math.abs)]];
    const options = { loss, klCoef: 0.5, entropyCoef: 0.25 };
    const { total, policy } = await evaluate(device, rows, options, { refLogp, entropy });
    const weights = atTokens(rows, tokenWeights(loss, policyBatch(rows).mask, MAX_LENGTH).data);
    const added = rows
      .flatMap(({ logp }) => logp)
      .map((logp, i) => {
        const d = logp - refLogp[i];
        return weights[i] * (0.5 * (Math.expm1(-d) + d) - 0.25 * entropy[i]);
      });
    expectClose([total - policy], [added.reduce((a, b) => a + b, 0)], { rtol: 1e-4, atol: 1e-6 });
  });

  test('a captured loss asks for its coefficients in every replay', async () => {
    using _ = device.scope();
    const inputs = lossInputs(device, randomRows(51), 'grpo');
    const run = capture(
      device,
      (klCoef: Scalar) => grpoLoss({ ...inputs, kl: full(device, [13], 2) }, { klCoef }).total,
    );
    const values: number[] = [];
    for (const coefficient of [0, 1, 3]) values.push(await run(coefficient).item());
    expect(run.captures).toBe(1);
    expectClose([values[1] - values[0], values[2] - values[0]], [2, 6], { rtol: 1e-5 });
    run[Symbol.dispose]();
  });

  test('the mean over sequences: of each, for each of its tokens', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 3, 5, 10, 20, 7]).requireGrad();
    const sequences = {
      index: Tensor.from(device, Uint32Array.of(0, 0, 0, 1, 1, 5)),
      share: Tensor.from(device, [1 / 3, 1 / 3, 1 / 3, 0.5, 0.5, 0]),
    };
    const mean = sequenceMean(x, sequences);
    expectClose(await mean.data(), [3, 3, 3, 15, 15, 0], { rtol: 1e-6 });
    backward(mean, Tensor.from(device, [1, 2, 6, 4, 0, 9]));
    expectClose((await x.grad?.data()) ?? [], [3, 3, 3, 2, 2, 0], { rtol: 1e-6 });
  });

  test('gspo without the sequences is refused', () => {
    using _ = device.scope();
    const { sequences, ...inputs } = lossInputs(device, randomRows(1), 'gspo');
    expect(sequences).toBeDefined();
    expect(() => grpoLoss(inputs, { loss: 'gspo' })).toThrow('gspo has one ratio per sequence');
  });
});

describe('the table', () => {
  test('it has a row for every name', () => {
    expect(LOSS_NAMES).toEqual(Object.keys(LOSSES));
  });

  test('weights are those of the float64 reference', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LOSS_NAMES),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
        (loss, lengths) => {
          const rows = randomRows(1, lengths);
          const found = rows.flatMap(({ logp }) =>
            logp.map(() =>
              tokenWeight(loss, { ...stepOf(rows), length: logp.length, maxLength: MAX_LENGTH }),
            ),
          );
          const wanted = atTokens(rows, tokenWeights(loss, policyBatch(rows).mask, MAX_LENGTH).data);
          expectClose(found, wanted, { rtol: 1e-15, atol: 0 });
        },
      ),
      seeded,
    );
  });
});
