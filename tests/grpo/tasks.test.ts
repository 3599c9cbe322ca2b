/** Custom tasks and rewards in both trainers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StateDict } from '../../src/formats/index.ts';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { builtInReward, type Reward } from '../../src/grpo/reward.ts';
import { type GrpoMetrics, GrpoTrainer, type GrpoTrainerParts } from '../../src/grpo/trainer.ts';
import { modelConfig } from '../../src/model/config.ts';
import { evaluate } from '../../src/model/evaluate.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer, type SupervisedTrainerParts } from '../../src/pretrain/trainer.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import type { Task } from '../../src/tasks/task.ts';
import { openDevice } from '../device.ts';

const task = sorting({ maxDigits: 3 });
const CONFIG = modelConfig('tiny', { vocabSize: task.tokenizer.vocabSize, dropout: 0 });
const OPTIONS = { batchSize: 8, groupSize: 16, maxNewTokens: 12, lr: 1e-3, klCoef: 0, seed: 3 };

describe('sorting digits', () => {
  let device: Device;
  let start: StateDict;
  /** Accuracy of the initial model on held-out problems. */
  let accuracy = 0;

  beforeAll(async () => {
    device = await openDevice();
    const model = Transformer.create(device, CONFIG, 2);
    const sampler = new Sampler(model, { eos: task.tokenizer.eos });
    const options = { steps: 1, batchSize: 32, numExamples: 32 * 400, lr: 4e-3, seed: 2, practice: true };
    const trainer = new SupervisedTrainer(model, pretrainOptions(options), { task });
    for (let step = 0; step < trainer.totalSteps; step++) await trainer.step();
    accuracy = (await evaluate(sampler, task.heldOut(100), { task, maxNewTokens: 12, temperature: 1 }))
      .accuracy;
    sampler.dispose();
    trainer.dispose();
    start = await model.stateDict();
    model.dispose();
  });
  afterAll(() => device.destroy());

  async function trained(steps: number, overrides: object, parts: Partial<GrpoTrainerParts> = {}) {
    const policy = new Transformer(device, CONFIG, start);
    const trainer = new GrpoTrainer(policy, grpoOptions({ ...OPTIONS, ...overrides }), { task, ...parts });
    const metrics: GrpoMetrics[] = [];
    for (let i = 0; i < steps; i++) metrics.push(await trainer.step());
    const result = { metrics, samples: trainer.samples() };
    trainer.dispose();
    policy.dispose();
    return result;
  }

  test('is learnt from examples, and then better from rewards', async () => {
    // Guessing is right once in a thousand.
    expect(accuracy).toBeGreaterThan(0.15);
    expect(accuracy).toBeLessThan(0.8);
    const schedule = { scheduler: 'cosine', steps: 60 };
    const { metrics, samples } = await trained(60, { ...schedule, batchSize: 16 });
    const rewardOf = (part: readonly GrpoMetrics[]): number =>
      part.reduce((sum, { reward }) => sum + reward, 0) / part.length;
    expect(rewardOf(metrics.slice(-10))).toBeGreaterThan(rewardOf(metrics.slice(0, 10)) + 0.08);
    for (const { prompt, expected } of samples) {
      expect(prompt).toMatch(/^sort \d \d \d =$/);
      expect(expected).toMatch(/^\d \d \d$/);
    }
  });

  test('with a curriculum, levels are drawn by their pass rates', async () => {
    const { metrics } = await trained(12, { curriculum: true });
    const rate = (digits: number): number => metrics[11][`curriculum/digits_${digits}/pass_rate`];
    const share = (digits: number): number => metrics[11][`curriculum/digits_${digits}/probability`];
    expect(rate(1)).toBeGreaterThan(rate(3));
    expect(share(1) + share(2) + share(3)).toBeCloseTo(1, 12);
    expect(share(1)).toBeLessThan(1 / 3);
  });

  test('rewards of one’s own add up with the others, and each is reported', async () => {
    const low: Reward = {
      name: 'low',
      weight: 0.5,
      reward: async ({ expression }, { text, maxLength }) => {
        expect(expression).toMatch(/^sort/);
        expect(maxLength).toBe(12);
        return text.startsWith('0') ? 1 : 0;
      },
    };
    const rewards = [builtInReward('correctness', task), low];
    const { metrics, samples } = await trained(1, {}, { rewards });
    const [{ reward, 'rewards/correctness/mean': correct, 'rewards/low/mean': beginsLow }] = metrics;
    expect(reward).toBeCloseTo(correct + 0.5 * beginsLow, 12);
    expect(metrics[0]['rewards/low/std']).toBeGreaterThanOrEqual(0);
    const {
      metrics: [alone],
    } = await trained(1, {});
    expect(alone['rewards/correctness/mean']).toBe(alone.reward);
    expect(samples.every(({ reward }) => [0, 0.5, 1, 1.5].includes(reward))).toBe(true);
    expect(new Set(samples.map(({ advantage }) => advantage > 0)).size).toBe(2);
  });

  test('a reward that throws ends the step; the trainer can go on', async () => {
    const policy = new Transformer(device, CONFIG, start);
    let fail = true;
    const reward: Reward = {
      name: 'mine',
      reward: () => {
        if (fail) throw new Error('no');
        return Math.random();
      },
    };
    const trainer = new GrpoTrainer(policy, grpoOptions(OPTIONS), { task, rewards: [reward] });
    await expect(trainer.step()).rejects.toMatchObject({ code: 'REWARD_THREW', where: 'reward mine' });
    expect(trainer.samples()).toEqual([]);
    fail = false;
    expect((await trainer.step()).grad_norm).toBeGreaterThan(0);
    trainer.dispose();
    policy.dispose();
  });

  test('a model of another vocabulary is refused', () => {
    const policy = Transformer.create(device, modelConfig('tiny', { vocabSize: VOCAB_SIZE }), 1);
    const wrong = { code: 'WRONG_VOCABULARY', fix: 'give a model of vocabSize 14' };
    expect(() => new GrpoTrainer(policy, grpoOptions(), { task })).toThrow(expect.objectContaining(wrong));
    expect(() => new SupervisedTrainer(policy, pretrainOptions(), { task })).toThrow(
      expect.objectContaining(wrong),
    );
    policy.dispose();
  });
});

describe('a task that gives what its tokenizer does not have', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const bad = { code: 'BAD_TASK', where: 'task sort' };
  const size = { batchSize: 2, numExamples: 2 };

  test.each<[string, Partial<Task>, RegExp]>([
    ['an id', { example: () => ({ tokens: [1, 2, 77], promptLength: 1 }) }, /the id 77 at index 2/],
    ['a length', { example: () => ({ tokens: [1, 2], promptLength: 2 }) }, /the promptLength 2/],
  ])('in an example: %s ends pretraining at once', async (_, change, message) => {
    const model = Transformer.create(device, CONFIG, 1);
    const trainer = new SupervisedTrainer(model, pretrainOptions(size), { task: { ...task, ...change } });
    const failure = await trainer.step().catch((error: unknown) => error);
    expect(failure).toMatchObject(bad);
    expect(String(failure)).toMatch(message);
    trainer.dispose();
    model.dispose();
  });

  test.each<[string, Partial<Task>, RegExp]>([
    ['an id of a prompt', { prompt: () => [3, 14] }, /prompt of "sort.*the id 14 at index 1/],
    ['an empty prompt', { prompt: () => [] }, /prompt of .* gave no tokens/],
    // biome-ignore lint/suspicious/noExplicitAny: the point is to return what the types forbid.
    ['a verdict', { grade: () => ({ outcome: true, answer: null }) as any }, /grade of .* the outcome true/],
  ])('%s ends GRPO and evaluation at once', async (_, change, message) => {
    const policy = Transformer.create(device, CONFIG, 1);
    const odd = { ...task, ...change };
    const trainer = new GrpoTrainer(policy, grpoOptions({ ...OPTIONS, batchSize: 1 }), { task: odd });
    const sampler = new Sampler(policy, { eos: task.tokenizer.eos });
    const evaluating = () => evaluate(sampler, task.heldOut(2), { task: odd, maxNewTokens: 4 });
    for (const work of [() => trainer.step(), evaluating]) {
      const failure = await work().catch((error: unknown) => error);
      expect(failure).toMatchObject(bad);
      expect(String(failure)).toMatch(message);
    }
    sampler.dispose();
    trainer.dispose();
    policy.dispose();
  });

  test('parts that trainers do not have are refused, with the right name', () => {
    const policy = Transformer.create(device, CONFIG, 1);
    // What the types forbid.
    const grpo = (parts: object) => () => new GrpoTrainer(policy, grpoOptions(), parts as GrpoTrainerParts);
    expect(grpo({ task, reward: [] })).toThrow(/there is no option 'reward'.*did you mean 'rewards'/);
    expect(grpo([])).toThrow(/the options are \[\], not an object/);
    const pretraining = (parts: object) => () =>
      new SupervisedTrainer(policy, pretrainOptions(), parts as SupervisedTrainerParts);
    expect(pretraining({ tasks: task })).toThrow(/there is no option 'tasks'.*did you mean 'task'/);
    for (const none of [grpo({}), pretraining({})]) {
      expect(none).toThrow(/the task: it has no name .*such as { task: arithmetic\({ maxDigits: 2 }\) }/);
    }
    policy.dispose();
  });

  test('options of a task are refused, with the place where they belong', () => {
    const policy = Transformer.create(device, CONFIG, 1);
    const refusal = expect.objectContaining({
      where: '--max_digits',
      fix: 'it is an option of the task: give the trainer { task: arithmetic({ maxDigits: … }) }',
    });
    expect(() => grpoOptions({ maxDigits: 2 })).toThrow(refusal);
    expect(() => pretrainOptions({ maxDigits: 2 })).toThrow(refusal);
    const grpo = { ...grpoOptions(), maxDigits: 2 };
    expect(() => new GrpoTrainer(policy, grpo, { task })).toThrow(refusal);
    const pretraining = { ...pretrainOptions(), maxDigits: 2 };
    expect(() => new SupervisedTrainer(policy, pretraining, { task })).toThrow(refusal);
    policy.dispose();
  });

  test('options that cannot work together are refused by the trainer, too', () => {
    const policy = Transformer.create(device, CONFIG, 1);
    const options = { ...grpoOptions(), klEstimator: 'k1' } as const;
    expect(() => new GrpoTrainer(policy, options, { task })).toThrow(/k1 in the loss has no effect/);
    new GrpoTrainer(policy, { ...options, klCoef: 0 }, { task }).dispose();
    policy.dispose();
  });

  test('more tokens to sample from than its vocabulary has are refused, as many are not', () => {
    const policy = Transformer.create(device, CONFIG, 1);
    const refusal = {
      message: expect.stringContaining('--top_k cannot be 15: the vocabulary has 14 tokens'),
    };
    expect(() => new GrpoTrainer(policy, grpoOptions({ topK: 15 }), { task })).toThrow(
      expect.objectContaining(refusal),
    );
    new GrpoTrainer(policy, grpoOptions({ topK: 14 }), { task }).dispose();
    for (const seed of [2 ** 32, -1, 1.5, Number.NaN]) {
      expect(() => new GrpoTrainer(policy, { ...grpoOptions(), seed }, { task })).toThrow(/the seed is/);
      expect(() => new SupervisedTrainer(policy, { ...pretrainOptions(), seed }, { task })).toThrow(
        /the seed is/,
      );
      expect(() => Transformer.create(device, CONFIG, seed)).toThrow(/the seed is/);
    }
    policy.dispose();
  });
});
