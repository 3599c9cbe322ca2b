/** GRPO learns a task of one digit from its rewards, and not from shuffled rewards. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StateDict } from '../../src/formats/index.ts';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { modelConfig } from '../../src/model/config.ts';
import { evaluate } from '../../src/model/evaluate.ts';
import { type CompletionSampler, Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { ProblemStream } from '../../src/tasks/arithmetic/generator.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { EOS, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';

const TASK = { maxDigits: 1, maxDepth: 1, operators: 'next,prev,abs' };
const task = arithmetic(TASK);
const CONFIG = modelConfig('tiny', { vocabSize: VOCAB_SIZE, dropout: 0 });
const STEPS = 80;

describe('GRPO on one digit', () => {
  let device: Device;
  let start: StateDict;
  /** Accuracy of the initial model, sampling at temperature 1. */
  let before = 0;
  const stream = new ProblemStream(TASK);
  const problems = Array.from({ length: 512 }, () => stream.next());
  const accuracyOf = async (sampler: CompletionSampler): Promise<number> =>
    (await evaluate(sampler, problems, { task, maxNewTokens: 16, temperature: 1 })).accuracy;

  beforeAll(async () => {
    device = await openDevice();
    // Until the model is right in about one completion of three: enough to learn from.
    const model = Transformer.create(device, CONFIG, 1);
    const sampler = new Sampler(model, { eos: EOS });
    const form = { littleProbability: 0, scratchpadProbability: 1 };
    const batches = { steps: 1, batchSize: 32, numExamples: 32 * 400 };
    const trainer = new SupervisedTrainer(model, pretrainOptions({ ...batches, lr: 1e-2, seed: 1 }), {
      task: arithmetic({ ...TASK, ...form }),
    });
    for (let step = 1; before < 0.3 && step <= trainer.totalSteps; step++) {
      await trainer.step();
      if (step % 25 === 0) before = await accuracyOf(sampler);
    }
    sampler.dispose();
    expect(before).toBeGreaterThanOrEqual(0.3);
    expect(before).toBeLessThan(0.6);
    trainer.dispose();
    start = await model.stateDict();
    model.dispose();
  });
  afterAll(() => device.destroy());

  /** Return the accuracy on the same problems after training. Completion i gets the reward of completion `reorder(i)`. */
  async function accuracyAfter(reorder: (i: number, count: number) => number): Promise<number> {
    const policy = new Transformer(device, CONFIG, start);
    const options = grpoOptions({
      ...{ batchSize: 8, groupSize: 16, maxNewTokens: 16, lr: 1e-3, klCoef: 0, seed: 3 },
    });
    const trainer = new GrpoTrainer(policy, options, { task });
    const roll = trainer.rollout.bind(trainer);
    trainer.rollout = async () => {
      const rollout = await roll();
      const { length } = rollout.rewards;
      return { ...rollout, rewards: rollout.rewards.map((_, i) => rollout.rewards[reorder(i, length)]) };
    };
    for (let i = 0; i < STEPS; i++) await trainer.step();
    const accuracy = await accuracyOf(trainer.sampler);
    trainer.dispose();
    policy.dispose();
    return accuracy;
  }

  test('the accuracy rises', async () => {
    expect(await accuracyAfter((i) => i)).toBeGreaterThan(before + 0.08);
  });

  test('with rewards shuffled among the completions of a batch it does not', async () => {
    // 37 and 128 share no factor: a permutation that takes every completion to another problem's reward.
    expect(await accuracyAfter((i, count) => (i * 37 + 11) % count)).toBeLessThan(before);
  });
});
