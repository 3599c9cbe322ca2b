/** The whole engine in miniature, on any adapter: sampling, training and consistency. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { modelConfig } from '../../src/model/config.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import { fixtureModel } from '../model/referenceModels.ts';

const TASK = { operators: ['+', '-'], maxDigits: 1, maxDepth: 1 } as const;

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

it('pretrains: the loss falls', async () => {
  const model = Transformer.create(device, modelConfig('tiny', { vocabSize: VOCAB_SIZE }), 0);
  const options = { lr: 1e-2, batchSize: 16, numExamples: 16 * 25, steps: 1, dropout: 0 };
  const trainer = new SupervisedTrainer(model, pretrainOptions(options), { task: arithmetic(TASK) });
  const losses: number[] = [];
  for (let step = 0; step < trainer.totalSteps; step++) losses.push((await trainer.step()).loss);
  expect(losses[0]).toBeCloseTo(Math.log(57), 0);
  expect(losses.at(-1)).toBeLessThan(2.8);
});

it('takes a GRPO step from a checkpoint whose sampler and trainer agree', async () => {
  const policy = fixtureModel(device, 'tiny_easy.pt');
  const before = await policy.stateDict();
  const options = { batchSize: 8, groupSize: 4, lr: 1e-4, maxNewTokens: 64, steps: 1 };
  const trainer = new GrpoTrainer(policy, grpoOptions(options), { task: arithmetic(TASK) });
  const metrics = await trainer.step();
  expect(metrics['sampling/sampling_logp_difference/max']).toBeLessThan(1e-4);
  expect(metrics.kl).toBeLessThan(1e-6);
  expect(metrics.reward).toBeGreaterThan(0);
  expect(metrics.grad_norm).toBeGreaterThan(0);
  expect(await policy.stateDict()).not.toEqual(before);
});
