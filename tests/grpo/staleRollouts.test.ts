/**
 * Rollouts of earlier versions of the policy: their weights, the same bits as one after another, ahead of the steps, errors
 * at the steps they belong to, and an end at any time.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import type { Reward } from '../../src/grpo/reward.ts';
import { RolloutSource } from '../../src/grpo/rolloutSource.ts';
import { type GrpoMetrics, GrpoTrainer, type GrpoTrainerParts } from '../../src/grpo/trainer.ts';
import { type CompletionSampler, Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { openDevice } from '../device.ts';
import { readFixture } from '../model/referenceModels.ts';
import { SMALL } from './rollouts.ts';

const { config, stateDict } = readFixture('tiny_easy.pt');
const task = arithmetic({ maxDigits: 2, maxDepth: 2 });
const { eos } = task.tokenizer;

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const STEPS = 5;
const reward: Reward = { name: 'third', reward: (_, { tokens }) => (tokens.length + (tokens[1] ?? 0)) % 3 };
const optionsOf = (overrides: Partial<GrpoOptions>): GrpoOptions =>
  grpoOptions({ ...SMALL, steps: STEPS, staleness: 1, ...overrides });

/** Call `work` with a trainer, and free it. */
async function training<Result>(
  overrides: Partial<GrpoOptions>,
  work: (trainer: GrpoTrainer, policy: Transformer) => Promise<Result>,
  parts: Partial<GrpoTrainerParts> = {},
): Promise<Result> {
  const policy = new Transformer(device, config, stateDict);
  const trainer = new GrpoTrainer(policy, optionsOf(overrides), { task, rewards: [reward], ...parts });
  try {
    return await work(trainer, policy);
  } finally {
    trainer.dispose();
    policy.dispose();
  }
}

/** Take all steps, and return what they compute. */
async function taken(trainer: GrpoTrainer, policy: Transformer) {
  const metrics: GrpoMetrics[] = [];
  for (let i = 0; i < STEPS; i++) metrics.push({ ...(await trainer.step()), step_time: 0 });
  return { metrics, weights: await policy.stateDict() };
}

/** Take all steps with one rollout at a time, none of them during an update, from a list of all versions. */
const oneAfterAnother = (overrides: Partial<GrpoOptions>) =>
  training(overrides, async (trainer, policy) => {
    const { options } = trainer;
    const behaviour = policy.clone();
    const sampler = new Sampler(behaviour, { eos });
    const source = new RolloutSource(sampler, options, task, [reward]);
    const versions = [await policy.stateDict()];
    trainer.rollout = async () => {
      const step = versions.length - 1;
      behaviour.load(versions[Math.max(0, step - options.staleness)] ?? new Map());
      return source.next();
    };
    const metrics: GrpoMetrics[] = [];
    for (let i = 0; i < STEPS; i++) {
      const found = await trainer.step();
      metrics.push({ ...found, step_time: 0, ...source.metrics() });
      versions.push(await policy.stateDict());
    }
    sampler.dispose();
    behaviour.dispose();
    return { metrics, weights: await policy.stateDict() };
  });

describe('what is sampled while steps train', () => {
  test.each<Partial<GrpoOptions>>([
    { staleness: 1 },
    { staleness: 1, dynamicSampling: true, curriculum: true, epochs: 2, miniBatches: 3 },
    { staleness: 2, curriculum: true, topK: 20, microBatchTokens: 64 },
    { staleness: 4, loss: 'gspo', dynamicSampling: true, dynamicSamplingMetric: 'reward' },
  ])('%o: the bits of one after another', async (overrides) => {
    const concurrent = await training(overrides, taken);
    expect(concurrent).toEqual(await oneAfterAnother(overrides));
    expect(concurrent.metrics.some(({ grad_norm: norm }) => (norm ?? 0) > 0)).toBe(true);
    expect(concurrent.weights).not.toEqual((await training({ ...overrides, staleness: 0 }, taken)).weights);
  });

  test('is begun before the step before it is done, and none for steps that are not taken', async () => {
    const events: string[] = [];
    const noting = (model: Transformer): CompletionSampler => {
      const sampler = new Sampler(model, { eos });
      return {
        async generate(...request) {
          events.push('begin');
          const completions = await sampler.generate(...request);
          events.push('end');
          return completions;
        },
        dispose: () => sampler.dispose(),
      };
    };
    await training(
      { steps: 3 },
      async (trainer) => {
        for (let step = 0; step < 3; step++) {
          await trainer.step();
          events.push(`step ${step}`);
        }
      },
      { samplerOf: noting },
    );
    expect(events.filter((event) => event === 'begin')).toHaveLength(3);
    // The first and the second begin before the first step is done, the third before the second.
    const begunBefore = (event: string) =>
      events.slice(0, events.indexOf(event)).filter((each) => each === 'begin');
    expect([begunBefore('step 0').length, begunBefore('step 1').length]).toEqual([2, 3]);
  });

  test('with staleness 0 needs neither copies of the policy nor samplers of them', async () => {
    const samplerOf = () => {
      throw new Error('there is no other model');
    };
    const weights = (await training({ staleness: 0, klCoef: 0 }, taken)).weights;
    const found = await training({ staleness: 0, klCoef: 0 }, taken, { samplerOf });
    expect(found.weights).toEqual(weights);
  });

  test('takes the weights that were loaded after the trainer was made', async () => {
    const late = await (async () => {
      const policy = new Transformer(device, config);
      const trainer = new GrpoTrainer(policy, optionsOf({ klCoef: 0 }), { task, rewards: [reward] });
      await trainer.state();
      policy.load(stateDict);
      const found = await taken(trainer, policy);
      trainer.dispose();
      policy.dispose();
      return found;
    })();
    expect(late).toEqual(await training({ klCoef: 0 }, taken));
  });
});

describe('a rollout that fails', () => {
  /** A reward that gives `value()` from the second rollout of twelve completions on, once. */
  const failing = (value: () => number): Reward => {
    let calls = 0;
    return {
      name: 'odd',
      reward: (...given) =>
        calls++ === SMALL.batchSize * SMALL.groupSize ? value() : reward.reward(...given),
    };
  };

  test('fails the step it belongs to, and the next goes on', async () => {
    const broken = failing(() => {
      throw new Error('broken');
    });
    await training(
      {},
      async (trainer) => {
        await trainer.step();
        // The second rollout has failed long since when the first step is done: nobody has asked for it.
        await device.idle();
        await expect(trainer.step()).rejects.toThrow(/broken/);
        expect((await trainer.step()).grad_norm).toBeGreaterThan(0);
      },
      { rewards: [broken] },
    );
  });

  test('with a reward that is not finite skips its own step, with the versions of the others', async () => {
    const rewards = [failing(() => Number.NaN)];
    await training(
      { staleness: 2 },
      async (trainer, policy) => {
        const skipped: (number | undefined)[] = [];
        const changed: boolean[] = [];
        for (let i = 0; i < STEPS; i++) {
          const before = await policy.stateDict();
          skipped.push((await trainer.step()).skipped);
          const after = await policy.stateDict();
          changed.push([...after].some(([name, { data }]) => `${before.get(name)?.data}` !== `${data}`));
        }
        expect(skipped).toEqual([0, 1, 1, 1, 1]);
        expect(changed).toEqual([true, false, true, true, true]);
      },
      { rewards },
    );
  });
});

describe('a trainer that is disposed of', () => {
  test('while a rollout is drawn leaves nothing behind: no rejection, no memory, no further reward', async () => {
    const policy = new Transformer(device, config, stateDict);
    const { liveBuffers } = device.memory();
    let calls = 0;
    let isDisposed = false;
    const counting: Reward = {
      name: 'counting',
      reward: (...given) => {
        expect(isDisposed).toBe(false);
        calls++;
        return reward.reward(...given);
      },
    };
    let generated: Promise<unknown> = Promise.resolve();
    const samplerOf = (model: Transformer): CompletionSampler => {
      const sampler = new Sampler(model, { eos });
      return {
        generate(...request) {
          const completions = sampler.generate(...request);
          generated = completions.catch(() => {});
          return completions;
        },
        dispose: () => sampler.dispose(),
      };
    };
    const trainer = new GrpoTrainer(policy, optionsOf({ staleness: 1 }), {
      task,
      rewards: [counting],
      samplerOf,
    });
    await trainer.rollout();
    trainer.dispose();
    isDisposed = true;
    await generated;
    await device.idle();
    expect(calls).toBe(SMALL.batchSize * SMALL.groupSize);
    expect(device.memory().liveBuffers).toBe(liveBuffers);
    await expect(trainer.rollout()).rejects.toMatchObject({ code: 'DISPOSED' });
    policy.dispose();
  });
});

test('a sampler of the present policy alone is refused', () => {
  const policy = new Transformer(device, config, stateDict);
  const sampler = new Sampler(policy, { eos });
  expect(() => new GrpoTrainer(policy, optionsOf({}), { task, sampler })).toThrow(
    expect.objectContaining({ code: 'BAD_OPTION', fix: expect.stringContaining('samplerOf') }),
  );
  new GrpoTrainer(policy, optionsOf({ staleness: 0 }), { task, sampler }).dispose();
  policy.dispose();
});
