/** Steps on completions that another policy sampled: the float64 reference, equal completions, and when the correction is on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { LOSS_NAMES } from '../../src/grpo/clipping.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import type { RewardedCompletion } from '../../src/grpo/reward.ts';
import { groupsOf, joined } from '../../src/grpo/rollout.ts';
import {
  type GrpoMetrics,
  GrpoTrainer,
  type GrpoTrainerParts,
  type Rollout,
} from '../../src/grpo/trainer.ts';
import { type CompletionSampler, Sampler } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { openDevice } from '../device.ts';
import {
  expectSameGradients,
  fixtureModel,
  gradients,
  gradients64,
  parameters64,
} from '../model/referenceModels.ts';
import { backward } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { clipFractions, importanceWeights } from '../oracle/grpo.ts';
import { moved, reference, replaying, SMALL, SMALL_TASK, varied } from './rollouts.ts';

let device: Device;
let rollout: Rollout;
beforeAll(async () => {
  device = await openDevice();
  rollout = varied(await training({}, (trainer) => trainer.rollout()));
});
afterAll(() => device.destroy());

/** Call `work` with a trainer of the small task, and free the trainer. */
async function training<Result>(
  overrides: Partial<GrpoOptions>,
  work: (trainer: GrpoTrainer, policy: Transformer) => Promise<Result>,
  parts: Partial<GrpoTrainerParts> = {},
): Promise<Result> {
  const policy = fixtureModel(device, 'tiny.safetensors');
  const options = grpoOptions({ ...SMALL, staleness: 1, ...overrides });
  const trainer = new GrpoTrainer(policy, options, { task: SMALL_TASK, ...parts });
  const result = await work(trainer, policy);
  trainer.dispose();
  policy.dispose();
  return result;
}

const RATIO = 'sampling/importance_sampling_ratio';

/** Every loss, estimate of the KL and filter occurs. Caps are low, so that they cut. */
const CASES: readonly Partial<GrpoOptions>[] = [
  { loss: 'grpo', importanceSamplingCap: 1.2, entropyCoef: 0.05 },
  { loss: 'dr_grpo', advantages: 'center', klEstimator: 'k3+', klCoef: 0.5 },
  { loss: 'dapo', dualClip: 1.1, microBatchTokens: 64, klEstimator: 'k3+' },
  { loss: 'gspo', clipRatio: 0.02, clipRatioHigh: 0.02, importanceSamplingCap: 1.05, klEstimator: 'k2' },
  { loss: 'cispo', klEstimator: 'exact', temperature: 0.8, clipRatioHigh: 1e-3, lr: 1e-3 },
];

describe('the first optimiser step', () => {
  test.each(CASES)('%o: loss, metrics and every gradient of the float64 reference', (overrides) =>
    training(overrides, async (trainer, policy) => {
      const { options } = trainer;
      const anchor = await policy.stateDict();
      policy.load(moved(anchor));
      const params = parameters64(await policy.stateDict());
      const metrics = await replaying(trainer, rollout).step();
      const wanted = reference(policy.config, params, parameters64(anchor), rollout, options);
      backward(wanted.total);
      expectClose([metrics.loss, metrics.policy_loss], [wanted.total.item(), wanted.policy.item()], {
        rtol: 1e-4,
        atol: 1e-5,
      });
      const weights = new Map([...params].filter(([name]) => !name.endsWith('alibi_slopes')));
      expectSameGradients(await gradients(policy), gradients64(weights), { rtol: 1e-3, atol: 1e-5 });
      // On the policy at the start of the step the ratio is 1, whoever sampled.
      expect(metrics['clip_ratio/region_mean']).toBe(0);
      expectRatios(metrics, importanceOf(wanted.batch, options), options);
    }),
  );
});

/** Return the importance weights of tokens, or for gspo of sequences, before they are cut. */
function importanceOf(batch: Parameters<typeof importanceWeights>[0], { loss }: GrpoOptions): number[] {
  const { data } = importanceWeights(batch, { loss });
  return loss === 'gspo' ? [...data] : [...data].filter((_, i) => batch.mask.data[i] === 1);
}

/** Expect the metrics of these weights before they are cut. */
function expectRatios(
  metrics: GrpoMetrics,
  ratios: readonly number[],
  { importanceSamplingCap: cap }: GrpoOptions,
): void {
  const used = ratios.map((ratio) => Math.min(ratio, cap));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const truncated = mean(ratios.map((ratio) => Number(ratio > cap)));
  expect(Math.max(...ratios)).toBeGreaterThan(1);
  expectClose(
    ['min', 'mean', 'max', 'truncated'].map((name) => metrics[`${RATIO}/${name}`]),
    [Math.min(...used), mean(used), Math.max(...used), truncated],
    { rtol: 1e-4 },
  );
}

describe('later optimiser steps', () => {
  test.each(CASES)('%o: clipped around the policy before the step', async (overrides) => {
    const more = { lr: 2e-2, ...overrides };
    const first = await training(more, async (trainer, policy) => {
      const before = await policy.stateDict();
      await replaying(trainer, rollout).step();
      return { before, after: await policy.stateDict() };
    });
    await training({ ...more, epochs: 2 }, async (trainer, policy) => {
      const metrics = await replaying(trainer, rollout).step();
      const [before, params] = [parameters64(first.before), parameters64(first.after)];
      const { options } = trainer;
      const wanted = reference(policy.config, params, parameters64(first.before), rollout, options, before);
      backward(wanted.total);
      const weights = new Map([...params].filter(([name]) => !name.endsWith('alibi_slopes')));
      // The gradients of the last optimiser step are left.
      expectSameGradients(await gradients(policy), gradients64(weights), { rtol: 2e-3, atol: 2e-5 });
      if (options.loss === 'gspo') return;
      const clip = { epsilonLow: options.clipRatio, epsilonHigh: options.clipRatioHigh };
      // Nothing is clipped in the first epoch, on as many tokens.
      const { region } = clipFractions(wanted.batch, clip);
      expect(region).toBeGreaterThan(0);
      expectClose([metrics['clip_ratio/region_mean']], [region / 2], { rtol: 1e-9 });
    });
  });

  test.each(LOSS_NAMES)('%s: mini-batches, replayed and run anew, are the same bits', async (loss) => {
    const run = (replay: boolean) =>
      training(
        { loss, epochs: 2, miniBatches: 2, microBatchTokens: 64 },
        async (trainer, policy) => {
          const metrics = [];
          for (let i = 0; i < 2; i++) {
            metrics.push({ ...(await replaying(trainer, rollout).step()), step_time: 0 });
          }
          return { metrics, weights: await policy.stateDict() };
        },
        { capture: { replay } },
      );
    expect(await run(false)).toEqual(await run(true));
  });
});

test('in the first optimiser step the ratio is 1 to the bit, and the trace says so', async () => {
  const trace = await training({ microBatchTokens: 64 }, async (trainer) => {
    await replaying(trainer, rollout).step();
    return trainer.trace(3);
  });
  const completions = trace?.groups.flatMap((group) => group.completions) ?? [];
  expect(completions.length).toBe(12);
  for (const { logp, proxLogp, oldLogp } of completions) {
    expect(proxLogp).toEqual(logp);
    expect(proxLogp).not.toEqual(oldLogp);
  }
  const plain = await training({ staleness: 0 }, async (trainer) => {
    await replaying(trainer, rollout).step();
    return trainer.trace(3);
  });
  expect(plain?.groups.every((group) => group.completions.every((each) => !('proxLogp' in each)))).toBe(true);
});

test('a completion that came several times counts as often', async () => {
  const [first, second, third] = groupsOf(rollout, SMALL.groupSize);
  if (!first || !second || !third) throw new Error('there are three groups');
  const [one, other] = first.completions;
  if (!one || !other) throw new Error('a group has four completions');
  const repeated = joined([
    { ...first, completions: [one, one, one, other], rewards: [1, 1, 1, 0] },
    second,
    third,
  ]);
  // Log-probabilities that differ where nothing is clipped keep the copies apart, and change their weights by as little.
  const apart = {
    ...repeated,
    completions: repeated.completions.map((each, i) => ({
      ...each,
      logps: each.logps.map((logp) => logp + (i < 3 ? i * 5e-7 : 0)),
    })),
  };
  const learnt = (from: Rollout) =>
    training({ epochs: 2 }, async (trainer) => {
      const metrics = { ...(await replaying(trainer, from).step()), step_time: 0 };
      const { data } = (await trainer.state()).optimizer.get('exp_avg') ?? { data: [] };
      return { metrics: Object.values(metrics), moments: Array.from(data) };
    });
  const [together, alone] = [await learnt(repeated), await learnt(apart)];
  expectClose(together.metrics, alone.metrics, { rtol: 1e-4, atol: 1e-5 });
  expect(Math.hypot(...alone.moments)).toBeGreaterThan(0.01);
  expectClose(together.moments, alone.moments, { rtol: 1e-3, atol: 1e-6 });
});

describe('the correction', () => {
  const step = (overrides: Partial<GrpoOptions>, isForeign?: boolean) =>
    training(
      overrides,
      async (trainer, policy) => {
        const metrics: GrpoMetrics = { ...(await replaying(trainer, rollout).step()), step_time: 0 };
        return { metrics, weights: await policy.stateDict() };
      },
      isForeign === undefined ? {} : { sampler: stub(isForeign) },
    );
  const stub = (isForeign: boolean): CompletionSampler => ({
    isForeign,
    generate: () => Promise.reject(new Error('the rollout is given')),
    dispose: () => {},
  });

  test('is on for a sampler that may be foreign, as it is with staleness, and off else', async () => {
    const [stale, foreign] = [await step({}), await step({ staleness: 0 }, true)];
    expect(foreign).toEqual(stale);
    const [plain, own] = [await step({ staleness: 0 }), await step({ staleness: 0 }, false)];
    expect(own).toEqual(plain);
    expect(plain.weights).not.toEqual(stale.weights);
    expect(Object.keys(plain.metrics).some((name) => name.startsWith(RATIO))).toBe(false);
    // The comparison with the sampler is the same: it is with what the sampler recorded.
    const difference = 'sampling/sampling_logp_difference/mean';
    expect(plain.metrics[difference]).toBe(stale.metrics[difference]);
  });

  test('of completions that the policy itself sampled changes nothing but roundings', async () => {
    // In the first step a copy of the policy is as good as the policy.
    const copy = fixtureModel(device, 'tiny.safetensors');
    const sampler = new Sampler(copy, { eos: SMALL_TASK.tokenizer.eos });
    const rewards = [
      { name: 'first', reward: (_: unknown, { tokens: [first = 0] }: RewardedCompletion) => first % 3 },
    ];
    const moments = (isForeign: boolean) =>
      training(
        { staleness: 0 },
        async (trainer) => {
          await trainer.step();
          return (await trainer.state()).optimizer.get('exp_avg')?.data ?? [];
        },
        { sampler: { isForeign, generate: sampler.generate.bind(sampler), dispose: () => {} }, rewards },
      );
    const [plain, corrected] = [await moments(false), await moments(true)];
    expect(Math.hypot(...plain)).toBeGreaterThan(0.01);
    expectClose(corrected, plain, { rtol: 1e-3, atol: 1e-6 });
    sampler.dispose();
    copy.dispose();
  });
});
