/** Several optimiser steps: epochs, mini-batches, the coefficient of the KL, the reference. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RandomStream } from '../../src/base/randomStream.ts';
import type { StateDict } from '../../src/formats/index.ts';
import type { Device } from '../../src/gpu/device.ts';
import { areEqual } from '../../src/grpo/advantages.ts';
import { miniBatches } from '../../src/grpo/batches.ts';
import { adaptedKlCoef } from '../../src/grpo/kl.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import { overlongPenalty } from '../../src/grpo/overlong.ts';
import type { Reward } from '../../src/grpo/reward.ts';
import { groupsOf, joined, sampled } from '../../src/grpo/rollout.ts';
import { type GrpoMetrics, GrpoTrainer, type Rollout } from '../../src/grpo/trainer.ts';
import { Warnings } from '../../src/grpo/warnings.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { grade } from '../../src/tasks/arithmetic/grader.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import type { Task } from '../../src/tasks/task.ts';
import type { CaptureOptions } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { fixtureModel, readFixture } from '../model/referenceModels.ts';
import { expectClose } from '../oracle/compare.ts';
import { replaying, SMALL, SMALL_TASK, varied } from './rollouts.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const FIXTURE = 'tiny.safetensors';

/** Call `work` with a trainer of the small task, and free the trainer. */
async function training<Result>(
  overrides: Partial<GrpoOptions>,
  work: (trainer: GrpoTrainer, policy: Transformer) => Promise<Result>,
  {
    file = FIXTURE,
    capture = {},
    task = SMALL_TASK,
  }: { readonly file?: string; readonly capture?: CaptureOptions; readonly task?: Task } = {},
): Promise<Result> {
  const policy = fixtureModel(device, file);
  const trainer = new GrpoTrainer(policy, grpoOptions({ ...SMALL, ...overrides }), { task, capture });
  const result = await work(trainer, policy);
  trainer.dispose();
  policy.dispose();
  return result;
}

/** Take one step on each rollout, and return the metrics and the weights. */
const learn = (
  rollouts: readonly Rollout[],
  overrides: Partial<GrpoOptions>,
  capture: CaptureOptions = {},
): Promise<{ readonly metrics: GrpoMetrics[]; readonly weights: StateDict }> =>
  training(
    overrides,
    async (trainer, policy) => {
      const metrics: GrpoMetrics[] = [];
      for (const rollout of rollouts) {
        metrics.push({ ...(await replaying(trainer, rollout).step()), step_time: 0 });
      }
      return { metrics, weights: await policy.stateDict() };
    },
    { capture },
  );

/** The metrics that a step without trained tokens does not measure. */
const UNTRAINED = Object.fromEntries(
  [
    ...['loss', 'policy_loss', 'kl', 'entropy', 'grad_norm'],
    ...['low', 'high', 'region'].map((side) => `clip_ratio/${side}_mean`),
    ...['mean', 'max'].map((name) => `sampling/sampling_logp_difference/${name}`),
  ].map((name) => [name, Number.NaN]),
);

let rollout: Rollout;
beforeAll(async () => {
  rollout = varied(await training({}, (trainer) => trainer.rollout()));
});

test('a completion that came several times counts as often', async () => {
  const [first, second, third] = groupsOf(rollout, SMALL.groupSize) as [Rollout, Rollout, Rollout];
  const one = first.completions[0];
  const repeated = joined([
    { ...first, completions: [one, one, one, first.completions[1]], rewards: [1, 1, 1, 0] },
    second,
    third,
  ]);
  // Log-probabilities that differ where nothing is clipped keep the copies apart, and change their gradients by as little.
  const apart = {
    ...repeated,
    completions: repeated.completions.map((each, i) => ({
      ...each,
      logps: each.logps.map((logp) => logp + (i < 3 ? i * 5e-7 : 0)),
    })),
  };
  // Adam's first moment is a tenth of the gradient.
  const learnt = (from: Rollout) =>
    training({}, async (trainer) => {
      const metrics = { ...(await replaying(trainer, from).step()), step_time: 0 };
      const { data } = (await trainer.state()).optimizer.get('exp_avg') ?? { data: [] };
      return { metrics: Object.values(metrics), moments: Array.from(data) };
    });
  const [together, alone] = [await learnt(repeated), await learnt(apart)];
  expectClose(together.metrics, alone.metrics, { rtol: 1e-4, atol: 1e-5 });
  expect(Math.hypot(...alone.moments)).toBeGreaterThan(0.01);
  expectClose(together.moments, alone.moments, { rtol: 1e-3, atol: 1e-6 });
});

describe('several optimiser steps on a rollout', () => {
  test('two epochs are two steps on the same rollout, to the bit', async () => {
    const twice = await learn([rollout, rollout], {});
    const epochs = await learn([rollout], { epochs: 2 });
    expect(epochs.weights).toEqual(twice.weights);
    for (const name of ['loss', 'policy_loss', 'grad_norm']) {
      const [first, second] = twice.metrics.map((metrics) => metrics[name]);
      expectClose([epochs.metrics[0][name]], [(first + second) / 2], { rtol: 1e-12, label: name });
    }
  });

  test('mini-batches are steps on their groups, in the order drawn, to the bit', async () => {
    const options = { epochs: 2, miniBatches: 3 };
    const { weights } = await learn([rollout], options);
    const groups = groupsOf(rollout, 4);
    const parts = [0, 1].flatMap((item) => {
      const random = new RandomStream({ seed: SMALL.seed, stream: 3, item });
      const order = rollout.completions.map((_, i) => i);
      return miniBatches(order, { count: 3, groupSize: 4, random }).map(([first]) => groups[first / 4]);
    });
    expect(parts.length).toBe(6);
    expect((await learn(parts, {})).weights).toEqual(weights);
    expect((await learn([rollout], { epochs: 2 })).weights).not.toEqual(weights);
  });

  test('off policy the clip comes into play; what was sampled is compared before', async () => {
    const unchanged = await training({}, (trainer) => trainer.rollout());
    const rewarded = { ...unchanged, rewards: rollout.rewards };
    const { metrics } = await learn([rewarded], { epochs: 8, lr: 1e-2 });
    expect(metrics[0]['clip_ratio/region_mean']).toBeGreaterThan(0.05);
    expect(metrics[0]['sampling/sampling_logp_difference/max']).toBeLessThan(1e-4);
  });

  test.each(['dapo', 'gspo', 'cispo'] as const)(
    '%s: replayed and run anew they are the same bits',
    async (loss) => {
      const options = { loss, epochs: 2, miniBatches: 2, microBatchTokens: 64, entropyCoef: 0.01 };
      const replayed = await learn([rollout, rollout], options);
      expect(await learn([rollout, rollout], options, { replay: false })).toEqual(replayed);
    },
  );
});

describe('the KL', () => {
  const rollouts = () => [rollout, rollout, rollout];

  test('its coefficient follows the KL, in replayed steps too', async () => {
    const options = { klTarget: 1e-6, klHorizon: 12, klCoef: 0.1, lr: 1e-2 };
    const { metrics, weights } = await learn(rollouts(), options);
    const coefficients = metrics.map(({ kl_coef }) => kl_coef);
    let expected = 0.1;
    for (const [i, { kl }] of metrics.entries()) {
      expectClose([coefficients[i]], [expected], { rtol: 1e-12 });
      expected = adaptedKlCoef(expected, kl, 12, options);
    }
    // 0 at first, then far above the target: down by a fifth, then up.
    expectClose(coefficients, [0.1, 0.08, 0.096], { rtol: 1e-12 });
    // The loss of the third step has the third coefficient.
    const anew = await learn(rollouts(), options, { replay: false });
    expect(anew).toEqual({ metrics, weights });
    const constant = await learn(rollouts(), { ...options, klTarget: 0 });
    expect(constant.weights).not.toEqual(weights);
    expect(constant.metrics.map(({ kl_coef }) => kl_coef)).toEqual([0.1, 0.1, 0.1]);
  });

  test('the policy becomes the reference every N steps, in replayed steps too', async () => {
    const klOf = ({ metrics }: { readonly metrics: readonly GrpoMetrics[] }) => metrics.map(({ kl }) => kl);
    const synced = await learn([...rollouts(), rollout], { refSyncSteps: 2 });
    const [first, second, third, fourth] = klOf(synced);
    expect([first, third]).toEqual([0, 0]);
    expect(Math.min(second, fourth)).toBeGreaterThan(1e-5);
    const anew = await learn([...rollouts(), rollout], { refSyncSteps: 2 }, { replay: false });
    expect(anew).toEqual(synced);
    const frozen = klOf(await learn([...rollouts(), rollout], {}));
    expect(frozen.slice(0, 2)).toEqual([first, second]);
    expect(frozen[2]).toBeGreaterThan(1e-5);
  });

  test('by every estimator: replayed steps are those run anew, and the figures of one order', async () => {
    const found: number[] = [];
    for (const klEstimator of ['k2', 'k3', 'k3+', 'exact'] as const) {
      const options = { klEstimator, topK: 20 };
      const filtered = varied(await training(options, (trainer) => trainer.rollout()));
      const replayed = await learn([filtered, filtered, filtered], options);
      expect(await learn([filtered, filtered, filtered], options, { replay: false })).toEqual(replayed);
      expect(replayed.metrics[0].kl).toBe(0);
      found.push(replayed.metrics[2].kl);
    }
    const exact = found.pop() ?? Number.NaN;
    for (const kl of found) {
      expect(kl / exact).toBeGreaterThan(0.2);
      expect(kl / exact).toBeLessThan(5);
    }
  });

  test('without a coefficient there is no reference, and no memory for one', async () => {
    const bytes = (klCoef: number) => training({ klCoef }, async () => device.memory().liveBytes);
    await bytes(0);
    expect((await bytes(0.1)) - (await bytes(0))).toBeGreaterThan(100_000);
  });
});

describe('rewards and masks', () => {
  test('a soft penalty on long completions', async () => {
    const roll = (overrides: Partial<GrpoOptions>) =>
      training({ ...overrides, maxNewTokens: 30 }, (trainer) => trainer.rollout(), { file: 'tiny_easy.pt' });
    const { problems, completions, rewards } = await roll({ overlongBuffer: 20, overlongPenalty: 0.5 });
    const plain = completions.map(({ prompt: i, tokens }) => grade(problems[i], tokens).reward);
    const penalties = completions.map(({ tokens }) =>
      overlongPenalty(tokens.length, { maxLength: 30, buffer: 20, factor: 0.5 }),
    );
    expect(Math.min(...penalties)).toBeLessThan(0);
    expect(new Set(penalties).size).toBeGreaterThan(2);
    expect(rewards).toEqual(plain.map((reward, i) => reward + penalties[i]));
    expect((await roll({})).rewards).toEqual(plain);
  });

  test('truncated completions are out of the loss; if all are, nothing is learnt', async () => {
    const cut = (finished: (i: number) => boolean): Rollout => ({
      ...rollout,
      completions: rollout.completions.map((each, i) => ({ ...each, finished: finished(i) })),
    });
    const masked = await learn([cut((i) => i % 3 > 0)], { maskTruncated: true, klCoef: 0 });
    // Whatever the log-probabilities of the truncated were.
    const { completions, ...rest } = cut((i) => i % 3 > 0);
    const noisy = completions.map((each, i) =>
      i % 3 ? each : { ...each, logps: each.logps.map((x) => x - 1) },
    );
    const changed = await learn([{ ...rest, completions: noisy }], { maskTruncated: true, klCoef: 0 });
    expect(changed).toEqual(masked);
    for (const loss of ['grpo', 'dapo', 'gspo'] as const) {
      const { metrics, weights } = await learn([cut(() => false)], { loss, maskTruncated: true });
      expect(weights).toEqual(readFixture(FIXTURE).stateDict);
      expect(metrics[0]).toMatchObject({ ...UNTRAINED, 'completions/clipped_ratio': 1 });
    }
  });
});

test('a step without trained tokens adapts nothing, and warns of nothing that it did not measure', async () => {
  const options = { maskTruncated: true, maxNewTokens: 1, klTarget: 10, klHorizon: 12 };
  await training(options, async (trainer) => {
    const warnings = new Warnings();
    // Two steps that train, so that there is an entropy to compare with, and two that cannot.
    const ending = (finished: boolean): Rollout => ({
      ...rollout,
      completions: rollout.completions.map((each) => ({ ...each, finished })),
    });
    const trained = replaying(trainer, ending(true));
    const metrics = [await trained.step(), await trained.step()];
    const untrained = replaying(trainer, ending(false));
    metrics.push(await untrained.step(), await untrained.step(), await untrained.step());
    const coefficients = metrics.map(({ kl_coef }) => kl_coef);
    expectClose(coefficients, [0.1, 0.08, 0.064, 0.064, 0.064], { rtol: 1e-12 });
    for (const each of metrics.slice(2)) expect(each).toMatchObject(UNTRAINED);
    const names = metrics.flatMap((each, i) => warnings.check(i + 1, each)).map(({ name }) => name);
    expect(new Set(names)).toEqual(new Set(['sampler mismatch', 'truncation']));
    expect((await trainer.state()).progress.optimizerSteps).toBe(2);
  });
});

test('without a reference the KL is not measured', async () => {
  const { metrics } = await learn([rollout], { klCoef: 0 });
  expect(metrics[0].kl).toBeNaN();
  expect(metrics[0].entropy).toBeGreaterThan(0);
});

describe('dynamic sampling', () => {
  const EASY = { batchSize: 6, maxNewTokens: 48, dynamicSampling: true };
  const task = arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' });

  test('every group it learns from has unequal rewards; all that was sampled is reported', async () => {
    await training(
      EASY,
      async (trainer) => {
        const found = await trainer.rollout();
        const groups = groupsOf(found, 4);
        expect(groups.length).toBeGreaterThan(0);
        for (const { rewards } of groups) expect(areEqual(rewards)).toBe(false);
        const dropped = groupsOf(found.dropped ?? joined([]), 4);
        expect(dropped.length).toBeGreaterThan(0);
        for (const { rewards } of dropped) expect(areEqual(rewards)).toBe(true);
        const { problems, completions, rewards } = sampled(found);
        expect(rewards).toEqual(
          completions.map(({ prompt: i, tokens }) => grade(problems[i], tokens).reward),
        );
        // No two problems, nor the random numbers of two completions, are the same.
        expect(new Set(problems.map(({ expression }) => expression)).size).toBe(problems.length);
        const metrics = await replaying(trainer, found).step();
        expectClose([metrics.frac_reward_zero_std], [dropped.length / (groups.length + dropped.length)]);
        const prompts = completions.reduce((sum, { prompt: i, tokens }) => {
          return sum + prompt(problems[i].expression).length + tokens.length;
        }, 0);
        expect(metrics.num_tokens).toBe(prompts);
        expect(metrics.grad_norm).toBeGreaterThan(0);
      },
      { file: 'tiny_easy.pt', task },
    );
  });

  test('where no group has anything to learn from, nothing is learnt', async () => {
    // Four tokens are too few for an answer.
    await training({ ...EASY, maxNewTokens: 4 }, async (trainer, policy) => {
      const before = await policy.stateDict();
      const metrics = await trainer.step();
      expect(await policy.stateDict()).toEqual(before);
      expect(metrics).toMatchObject({ ...UNTRAINED, frac_reward_zero_std: 1, reward: 0 });
      // Six problems and three times as many again.
      expect(metrics['completions/clipped_ratio']).toBeGreaterThan(0);
      expect((await trainer.step()).num_tokens).not.toBe(metrics.num_tokens);
    });
  });

  test.each([
    ['accuracy', 0],
    ['reward', 0],
  ] as const)(
    'by %s, answers that are all wrong teach nothing, however long they are',
    async (metric, groups) => {
      const shaped = {
        overlongBuffer: 12,
        overlongPenalty: 1,
        dynamicSamplingMetric: metric,
        maxNewTokens: 12,
      };
      await training({ dynamicSampling: true, ...shaped }, async (trainer) => {
        const found = await trainer.rollout();
        const rewards = sampled(found).rewards;
        // The penalty tells them apart.
        expect(new Set(rewards).size).toBeGreaterThan(2);
        expect(Math.max(...rewards)).toBeLessThan(0);
        expect(groupsOf(found, SMALL.groupSize).length).toBe(groups);
      });
    },
  );

  test('by accuracy, answers that are all wrong teach nothing, whatever their rewards; by reward they do', async () => {
    const first: Reward = { name: 'first', reward: (_, { tokens: [id = 0] }) => id };
    const groups = async (dynamicSamplingMetric: 'accuracy' | 'reward') => {
      const policy = fixtureModel(device, FIXTURE);
      const options = grpoOptions({ ...SMALL, dynamicSampling: true, dynamicSamplingMetric, maxRefills: 0 });
      const trainer = new GrpoTrainer(policy, options, { task: SMALL_TASK, rewards: [first] });
      const found = await trainer.rollout();
      trainer.dispose();
      policy.dispose();
      expect(sampled(found).problems.length).toBe(SMALL.batchSize);
      return groupsOf(found, SMALL.groupSize).length;
    };
    expect(await groups('accuracy')).toBe(0);
    expect(await groups('reward')).toBeGreaterThan(0);
  });

  test('without it the same problems and completions come as ever', async () => {
    const first = await training({}, (trainer) => trainer.rollout());
    const refilled = await training({ dynamicSampling: true }, (trainer) => trainer.rollout());
    const { problems, completions } = sampled(refilled);
    const expressions = problems.map(({ expression }) => expression);
    first.problems.forEach(({ expression }, i) => {
      const at = expressions.indexOf(expression);
      expect(at).toBeGreaterThanOrEqual(0);
      const own = completions.filter((each) => each.prompt === at).map(({ tokens }) => tokens);
      expect(own).toEqual(first.completions.filter((each) => each.prompt === i).map(({ tokens }) => tokens));
    });
  });
});
