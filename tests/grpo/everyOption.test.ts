/** Every option of the GRPO trainer, changed one at a time, has its documented effect. */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { LOSS_NAMES } from '../../src/grpo/clipping.ts';
import { KL_NAMES } from '../../src/grpo/kl.ts';
import { type GrpoOptions, grpoOptions, grpoSchema } from '../../src/grpo/options.ts';
import type { Reward } from '../../src/grpo/reward.ts';
import { sampled } from '../../src/grpo/rollout.ts';
import {
  type GrpoMetrics,
  GrpoTrainer,
  type GrpoTrainerParts,
  type Rollout,
} from '../../src/grpo/trainer.ts';
import type { CompletionSampler, SampleOptions } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { arithmetic, type arithmeticTask } from '../../src/tasks/arithmetic/task.ts';
import { depth } from '../../src/tasks/expressions/expression.ts';
import { parse } from '../../src/tasks/expressions/parser.ts';
import type { Task } from '../../src/tasks/task.ts';
import { openDevice } from '../device.ts';
import { fixtureModel, parameters64 } from '../model/referenceModels.ts';
import { expectClose } from '../oracle/compare.ts';
import { moved, reference, replaying, SMALL, SMALL_TASK, varied } from './rollouts.ts';

type Overrides = Partial<Parameters<typeof grpoOptions>[0]>;

const FIXTURE = 'tiny.safetensors';
/** The tokens of each completion of `Answering`. */
const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/** A reward that differs between the completions of `Answering`. */
const FIRST: Reward = { name: 'first', reward: (_, { tokens: [first = 0] }) => first };

/** A sampler that gives every prompt ten tokens without an answer. The first token differs between completions. */
class Answering implements CompletionSampler {
  readonly prompts: (readonly number[])[][] = [];
  readonly asked: SampleOptions[] = [];

  async generate(prompts: readonly (readonly number[])[], options: SampleOptions) {
    this.prompts.push([...prompts]);
    this.asked.push(options);
    const { groupSize = 1 } = options;
    return prompts.flatMap((_, prompt) =>
      Array.from({ length: groupSize }, (_unused, i) => ({
        prompt,
        tokens: [i, ...TEN.slice(1)],
        logps: new Float32Array(TEN.length).fill(-3),
        finished: false,
      })),
    );
  }

  dispose(): void {}
}

let device: Device;
let rollout: Rollout;
beforeAll(async () => {
  device = await openDevice();
  const { completions, ...rest } = await using({}, (trainer) => trainer.rollout());
  const cut = completions.map((each, i) => ({ ...each, finished: i % 3 > 0 }));
  rollout = varied({ ...rest, completions: cut });
});
afterAll(() => device.destroy());

/** Call `work` with a trainer of the small task, and free the trainer. */
async function using<Result>(
  overrides: Overrides,
  work: (trainer: GrpoTrainer, policy: Transformer) => Promise<Result>,
  parts: Partial<GrpoTrainerParts> = {},
): Promise<Result> {
  const policy = fixtureModel(device, FIXTURE);
  const trainer = new GrpoTrainer(policy, grpoOptions({ ...SMALL, ...overrides }), {
    task: SMALL_TASK,
    ...parts,
  });
  const result = await work(trainer, policy);
  trainer.dispose();
  policy.dispose();
  return result;
}

/** Sample a rollout; return it with its expressions and the requests to the sampler. */
async function sampling(overrides: Overrides, rewards?: readonly Reward[], task: Task = SMALL_TASK) {
  const sampler = new Answering();
  const parts = { task, sampler, ...(rewards && { rewards }) };
  const found = await using(overrides, (trainer) => trainer.rollout(), parts);
  const expressions = sampled(found).problems.map(({ expression }) => expression);
  const [asked] = sampler.asked;
  return { rollout: found, expressions, asked, calls: sampler.asked.length };
}

/** Return the metrics of steps on the given rollout. */
const learning = (overrides: Overrides, steps: number): Promise<GrpoMetrics[]> =>
  using(overrides, async (trainer) => {
    const replay = replaying(trainer, rollout);
    const metrics: GrpoMetrics[] = [];
    for (let i = 0; i < steps; i++) metrics.push(await replay.step());
    return metrics;
  });

/** Return the optimiser's state and the weights after a step; `at` is the number of earlier steps. */
const changes = (overrides: Overrides, at = 0) =>
  using(overrides, async (trainer, policy) => {
    const before = await policy.stateDict();
    const start = await trainer.state();
    trainer.restore({ ...start, progress: { ...start.progress, step: at } });
    const metrics = await replaying(trainer, rollout).step();
    const { progress, optimizer } = await trainer.state();
    const after = await policy.stateDict();
    const largest = [...after].reduce((most, [name, { data }]) => {
      const old = before.get(name)?.data ?? new Float32Array();
      return data.reduce((max, value, i) => Math.max(max, Math.abs(value - (old[i] ?? 0))), most);
    }, 0);
    const momentum = Math.hypot(...(optimizer.get('exp_avg')?.data ?? []));
    return { metrics, progress, largest, momentum };
  });

/** Expect these learning rates: in the metrics, and as the length of Adam's first step, which equals its rate. */
async function expectRates(overrides: Overrides, rates: readonly number[]): Promise<void> {
  for (const [at, rate] of rates.entries()) {
    const { metrics, largest } = await changes(overrides, at);
    expectClose([metrics.lr], [rate], { rtol: 1e-12, atol: 0, label: `rate of step ${at}` });
    expectClose([largest], [rate], { rtol: 1e-2, atol: 0, label: `change of step ${at}` });
  }
}

/** Expect the loss of a moved policy to equal the float64 reference, and to differ from the loss without the option. */
async function expectLoss(overrides: Overrides, without: Overrides = {}): Promise<void> {
  const losses: number[] = [];
  for (const changed of [without, overrides]) {
    const loss = await using(changed, async (trainer, policy) => {
      const anchor = await policy.stateDict();
      policy.load(moved(anchor));
      const params = parameters64(await policy.stateDict());
      const metrics = await replaying(trainer, rollout).step();
      const wanted = reference(policy.config, params, parameters64(anchor), rollout, trainer.options);
      expectClose([metrics.loss], [wanted.total.item()], { rtol: 1e-4, atol: 1e-5 });
      return metrics.loss;
    });
    losses.push(loss ?? Number.NaN);
  }
  const [before = 0, after = 0] = losses;
  expect(Math.abs(after - before)).toBeGreaterThan(1e-4);
}

const digitsOf = (expressions: readonly string[]): number =>
  Math.max(...expressions.flatMap((text) => (text.match(/\d+/g) ?? []).map(({ length }) => length)));
const depthOf = (expressions: readonly string[]): number =>
  Math.max(...expressions.map((text) => depth(parse(text))));

/** Sample problems of a task. */
const drawn = async (batchSize: number, task: Task) =>
  (await sampling({ batchSize }, undefined, task)).expressions;

/** The options of the task reach the trainer. */
const TASK_EFFECTS: Readonly<Record<keyof typeof arithmeticTask.options, () => Promise<void>>> = {
  maxDigits: async () => {
    const most = async (maxDigits: number) =>
      digitsOf(await drawn(32, arithmetic({ maxDigits, maxDepth: 1 })));
    expect([await most(1), await most(3)]).toEqual([1, 3]);
  },
  maxDepth: async () => {
    const most = async (maxDepth: number) => depthOf(await drawn(32, arithmetic({ maxDigits: 1, maxDepth })));
    expect([await most(1), await most(3)]).toEqual([1, 3]);
  },
  operators: async () => {
    const expressions = await drawn(8, arithmetic({ maxDigits: 1, maxDepth: 1, operators: 'next' }));
    for (const text of expressions) expect(text).toMatch(/^\s*next\s*\(/);
  },
};

const EFFECTS: Readonly<Record<keyof typeof grpoSchema.shape, () => Promise<void>>> = {
  steps: async () => {
    await expectRates({ scheduler: 'cosine', steps: 2 }, [1e-3, 5e-4]);
    await expectRates({ scheduler: 'cosine', steps: 3 }, [1e-3, 7.5e-4, 2.5e-4]);
  },
  batchSize: async () => expect((await sampling({ batchSize: 5 })).expressions.length).toBe(5),
  groupSize: async () => {
    const { rollout: found, asked } = await sampling({ groupSize: 6 });
    expect(asked?.groupSize).toBe(6);
    expect(found.completions.length).toBe(6 * SMALL.batchSize);
  },
  lr: async () => {
    await expectRates({ lr: 1e-3 }, [1e-3]);
    await expectRates({ lr: 2.5e-4 }, [2.5e-4]);
  },
  scheduler: async () => {
    await expectRates({ scheduler: 'none', steps: 2 }, [1e-3, 1e-3]);
    await expectRates({ scheduler: 'cosine', steps: 2 }, [1e-3, 5e-4]);
  },
  warmupRatio: () =>
    // Two steps of warm-up, the second one at the full rate; then half a cosine that the last step does not end.
    expectRates({ scheduler: 'cosine', steps: 4, warmupRatio: 0.5 }, [5e-4, 1e-3, 1e-3, 5e-4]),
  maxNewTokens: async () => expect((await sampling({ maxNewTokens: 17 })).asked?.maxNewTokens).toBe(17),
  loss: async () => {
    for (const loss of LOSS_NAMES) if (loss !== 'grpo') await expectLoss({ loss });
  },
  advantages: () => expectLoss({ advantages: 'center' }),
  clipRatio: () => expectLoss({ clipRatio: 0.05, clipRatioHigh: 0.2 }),
  clipRatioHigh: () => expectLoss({ clipRatioHigh: 0.05 }),
  dualClip: () => expectLoss({ dualClip: 1.1 }),
  epochs: async () => expect((await changes({ epochs: 3 })).progress.optimizerSteps).toBe(3),
  miniBatches: async () => expect((await changes({ miniBatches: 2 })).progress.optimizerSteps).toBe(2),
  staleness: async () => {
    const biasOf = async (model: Transformer) => (await model.stateDict()).get('out_proj.bias')?.data;
    const sampledFrom: unknown[] = [];
    const noting = (model: Transformer): CompletionSampler => {
      const sampler = new Answering();
      return {
        async generate(...request) {
          sampledFrom.push(await biasOf(model));
          return sampler.generate(...request);
        },
        dispose: () => {},
      };
    };
    const weights: unknown[] = [];
    const steps = async (trainer: GrpoTrainer, policy: Transformer): Promise<void> => {
      for (let i = 0; i < 4; i++) {
        weights.push(await biasOf(policy));
        await trainer.step();
      }
    };
    await using({ staleness: 2, steps: 4 }, steps, { samplerOf: noting, rewards: [FIRST] });
    // The number of updates after which each step's completions were sampled.
    const ages = sampledFrom.map((data) => weights.findIndex((each) => isDeepStrictEqual(each, data)));
    expect(ages).toEqual([0, 0, 0, 1]);
  },
  importanceSamplingCap: () => expectLoss({ staleness: 1, importanceSamplingCap: 1.1 }, { staleness: 1 }),
  klCoef: async () => {
    await expectLoss({ klCoef: 0.4 });
    // The first step is at the reference, where the KL has no gradient: the second one's are the same.
    const penalty = async (klCoef: number) => {
      const [, second] = await learning({ klCoef }, 2);
      return (second?.loss ?? 0) - (second?.policy_loss ?? 0);
    };
    expectClose([(await penalty(0.4)) / (await penalty(0.1))], [4], { rtol: 1e-3 });
  },
  klEstimator: async () => {
    const found: number[] = [];
    for (const klEstimator of KL_NAMES) {
      if (klEstimator === 'k1') continue;
      await expectLoss({ klEstimator, klCoef: 1 });
      found.push((await learning({ klEstimator }, 2))[1]?.kl ?? Number.NaN);
    }
    expect(new Set(found).size).toBe(4);
  },
  klTarget: async () => {
    const coefficients = async (klTarget: number) =>
      (await learning({ klTarget, klHorizon: 12 }, 2)).map(({ kl_coef }) => kl_coef);
    expectClose(await coefficients(10), [0.1, 0.08]);
    expectClose(await coefficients(0), [0.1, 0.1]);
  },
  klHorizon: async () => {
    const metrics = await learning({ klTarget: 10, klHorizon: 24 }, 2);
    expectClose(
      metrics.map(({ kl_coef }) => kl_coef),
      [0.1, 0.09],
    );
  },
  refSyncSteps: async () => {
    const kls = async (refSyncSteps: number) =>
      (await learning({ refSyncSteps }, 3)).map(({ kl }) => kl === 0);
    expect(await kls(0)).toEqual([true, false, false]);
    expect(await kls(1)).toEqual([true, true, true]);
    expect(await kls(2)).toEqual([true, false, true]);
  },
  entropyCoef: () => expectLoss({ entropyCoef: 0.1 }),
  maskTruncated: () => expectLoss({ maskTruncated: true }),
  overlongBuffer: async () => {
    const { rollout: found } = await sampling({ overlongBuffer: 4 });
    // Ten tokens of twelve are two of four into the buffer.
    expect(found.rewards).toEqual(new Array(12).fill(-0.5));
    expect((await sampling({})).rollout.rewards).toEqual(new Array(12).fill(0));
  },
  overlongPenalty: async () => {
    const { rollout: found } = await sampling({ overlongBuffer: 4, overlongPenalty: 3 });
    expect(found.rewards).toEqual(new Array(12).fill(-1.5));
  },
  dynamicSampling: async () => {
    // No answer is right: all problems are replaced, until there are four times as many.
    expect((await sampling({})).expressions.length).toBe(SMALL.batchSize);
    expect((await sampling({ dynamicSampling: true })).expressions.length).toBe(4 * SMALL.batchSize);
  },
  dynamicSamplingMetric: async () => {
    const kept = async (dynamicSamplingMetric: GrpoOptions['dynamicSamplingMetric']) =>
      (await sampling({ dynamicSampling: true, dynamicSamplingMetric }, [FIRST])).rollout.problems.length;
    expect([await kept('accuracy'), await kept('reward')]).toEqual([0, SMALL.batchSize]);
  },
  maxRefills: async () => {
    const problems = async (maxRefills: number) =>
      (await sampling({ dynamicSampling: true, maxRefills })).expressions.length / SMALL.batchSize;
    expect([await problems(0), await problems(1), await problems(2)]).toEqual([1, 2, 3]);
  },
  curriculum: async () => {
    const task = arithmetic({ maxDigits: 4, maxDepth: 4 });
    const easy = async (curriculum: boolean) => {
      const { expressions } = await sampling({ batchSize: 64, curriculum }, undefined, task);
      return expressions.filter((text) => digitsOf([text]) === 1 && depthOf([text]) === 1).length;
    };
    // A quarter of the draws are of the easiest of four levels.
    expect(await easy(true)).toBeGreaterThan(8);
    expect(await easy(false)).toBeLessThan(4);
    const metrics = await using({ batchSize: 64, curriculum: true }, (trainer) => trainer.step(), {
      task,
      sampler: new Answering(),
    });
    expect(metrics['curriculum/digits_1_depth_1/pass_rate']).toBeLessThan(0.5);
  },
  rewardTimeout: async () => {
    const never: Reward = { name: 'never', reward: () => new Promise(() => undefined) };
    await expect(sampling({ rewardTimeout: 0.01 }, [never])).rejects.toMatchObject({
      code: 'REWARD_TIMEOUT',
      message: expect.stringContaining('took more than 0.01 s'),
    });
  },
  temperature: async () => {
    expect((await sampling({ temperature: 0.5 })).asked?.temperature).toBe(0.5);
    await expectLoss({ temperature: 0.5 });
  },
  gradClip: async () => {
    // Adam's first moment is a tenth of the clipped gradient.
    const free = await changes({ gradClip: 0 });
    const norm = free.metrics.grad_norm ?? Number.NaN;
    const clipped = await changes({ gradClip: norm / 8 });
    expectClose([free.momentum, clipped.momentum], [norm / 10, norm / 80], { rtol: 1e-4, atol: 0 });
    expectClose([clipped.metrics.grad_norm], [norm], { rtol: 1e-6 });
  },
  topK: async () => expect((await sampling({ topK: 7 })).asked?.topK).toBe(7),
  topP: async () => expect((await sampling({ topP: 0.7 })).asked?.topP).toBe(0.7),
  minP: async () => expect((await sampling({ minP: 0.1 })).asked?.minP).toBe(0.1),
  microBatchTokens: async () => {
    const passes = (microBatchTokens: number) =>
      using(
        { microBatchTokens },
        async (trainer, policy) => {
          const sizes: number[] = [];
          const hidden = policy.hidden.bind(policy);
          policy.hidden = (tokens, ...rest) => {
            sizes.push(tokens.size);
            return hidden(tokens, ...rest);
          };
          await replaying(trainer, rollout).step();
          return sizes;
        },
        { capture: { replay: false } },
      );
    expect((await passes(8192)).length).toBe(1);
    const small = await passes(64);
    expect(small.length).toBeGreaterThan(1);
    expect(Math.max(...small)).toBeLessThanOrEqual(64);
  },
  seed: async () => {
    const [first, second] = [await sampling({ seed: 1 }), await sampling({ seed: 2 })];
    expect([first.asked?.seed, second.asked?.seed]).toEqual([1, 2]);
    expect(first.expressions).not.toEqual(second.expressions);
  },
};

test('every option has a row', () => {
  expect(Object.keys(EFFECTS).sort()).toEqual(Object.keys(grpoSchema.shape).sort());
});

test.each(Object.entries(EFFECTS))('%s', (_, effect) => effect());

test.each(Object.entries(TASK_EFFECTS))('%s of the task', (_, effect) => effect());
