/**
 * Whole trainings of tiny models, and SHA-256 of what they compute: parameters, metrics and completions. The WebAssembly adapter
 * has to give these digests on every machine, in every JavaScript engine, with any number of threads. This module runs in Node
 * and in browsers.
 */
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer, type Rollout } from '../../src/grpo/trainer.ts';
import { type ModelOverrides, type ModelShape, modelConfig } from '../../src/model/config.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';

/** SHA-256 of each training, in hexadecimal. */
export type Digests = Readonly<Record<string, string>>;

const task = arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' });

/** Run all trainings on a device, one after another. */
export async function trainingDigests(device: Device): Promise<Digests> {
  return {
    'pretraining without dropout': await digestOf(device, { dropout: 0 }, pretrain),
    'pretraining with dropout': await digestOf(device, { dropout: 0.1 }, pretrain),
    GRPO: await digestOf(device, { dropout: 0 }, reinforce),
    'both, of a mixture of experts': await digestOf(device, { numExperts: 4, activeExperts: 2 }, both),
    'both, of a llama': await digestOf(device, { shape: 'llama', nKVHeads: 1 }, both),
  };
}

/** Trains a model, and returns what it measured on the way. */
type Training = (model: Transformer) => Promise<unknown>;

async function digestOf(
  device: Device,
  overrides: Partial<ModelOverrides<ModelShape>>,
  train: Training,
): Promise<string> {
  const config = modelConfig<ModelShape>('tiny', { vocabSize: VOCAB_SIZE, ...overrides });
  const model = Transformer.create(device, config, 1);
  const record = await train(model);
  const parameters = await model.parameters.data();
  model.dispose();
  return sha256([parameters, new TextEncoder().encode(JSON.stringify(record))]);
}

async function sha256(
  parts: readonly (Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>)[],
): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await new Blob([...parts]).arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Three steps, on a cosine. */
async function pretrain(model: Transformer): Promise<unknown> {
  const options = pretrainOptions({
    ...{ batchSize: 8, numExamples: 24, steps: 1, lr: 3e-3 },
    ...{ loadBalanceCoef: 0.01, seed: 1 },
  });
  const trainer = new SupervisedTrainer(model, options, { task });
  const record = await steps(3, () => trainer.step());
  trainer.dispose();
  return record;
}

/** The share of even ids: few completions of an untrained model are right. */
const evenness = ({ completions }: Rollout): number[] =>
  completions.map(({ tokens }) => tokens.filter((token) => token % 2 === 0).length / tokens.length);

/** Five steps of two epochs, with all filters and a penalty on the KL. */
async function reinforce(model: Transformer): Promise<unknown> {
  const options = grpoOptions({
    ...{ batchSize: 4, groupSize: 4, maxNewTokens: 16, epochs: 2, lr: 1e-3, seed: 1 },
    ...{ topK: 30, topP: 0.98, minP: 0.001, temperature: 1.2 },
    ...{ klCoef: 0.1, klEstimator: 'k3+', klTarget: 0.01, klHorizon: 64, entropyCoef: 0.01 },
  });
  const trainer = new GrpoTrainer(model, options, { task });
  const completions: unknown[] = [];
  const roll = trainer.rollout.bind(trainer);
  trainer.rollout = async () => {
    const rollout = await roll();
    for (const { tokens, logps } of rollout.completions) completions.push([tokens, [...logps]]);
    return { ...rollout, rewards: evenness(rollout) };
  };
  const metrics = await steps(5, async () => ({ ...(await trainer.step()), step_time: 0 }));
  trainer.dispose();
  return { metrics, completions };
}

const both: Training = async (model) => [await pretrain(model), await reinforce(model)];

async function steps<T>(count: number, step: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < count; i++) results.push(await step());
  return results;
}
