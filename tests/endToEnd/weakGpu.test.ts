/** Both trainers on a GPU without optional features and with WebGPU's default limits, as Safari and Firefox offer them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdapterClass } from '../../src/gpu/adapterClass.ts';
import { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import type { Reward } from '../../src/grpo/reward.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { modelConfig } from '../../src/model/config.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { EOS, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import { openLimitedAdapter, WEBGPU_LIMITS } from '../limitedAdapter.ts';

const task = arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' });
const PROMPT = [1, 2, 3];

/** The length of the text: few completions of an untrained model are right. */
const length: Reward = { name: 'length', reward: (_problem, { text }) => text.length / 10 };

/** The results of training. */
interface Trained {
  /** Loss and norm of the gradient of three supervised steps. */
  readonly supervised: readonly number[];
  /** The most likely completions after them. */
  readonly greedy: readonly (readonly number[])[];
  /** KL and norm of the gradient of a GRPO step. */
  readonly grpo: readonly number[];
}

async function trained(device: Device): Promise<Trained> {
  const model = Transformer.create(device, modelConfig('tiny', { vocabSize: VOCAB_SIZE, dropout: 0 }), 1);
  const options = pretrainOptions({ batchSize: 8, numExamples: 24, steps: 1, lr: 3e-3, seed: 1 });
  const teacher = new SupervisedTrainer(model, options, { task });
  const supervised: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { loss, gradNorm } = await teacher.step();
    supervised.push(loss, gradNorm);
  }
  teacher.dispose();
  const sampler = new Sampler(model, { eos: EOS });
  const completions = await sampler.generate([PROMPT, [4]], { maxNewTokens: 20, seed: 1, temperature: 0 });
  const greedy = completions.map(({ tokens }) => tokens);
  const trainer = new GrpoTrainer(
    model,
    grpoOptions({ batchSize: 2, groupSize: 2, maxNewTokens: 8, klCoef: 0.1, lr: 1e-3, seed: 1 }),
    { task, sampler, rewards: [length] },
  );
  const { kl, grad_norm: gradNorm } = await trainer.step();
  trainer.dispose();
  sampler.dispose();
  model.dispose();
  return { supervised, greedy, grpo: [kl ?? Number.NaN, gradNorm ?? Number.NaN] };
}

describe.each<AdapterClass>(['apple', 'gpu'])(
  'a GPU of class %s without optional features',
  (adapterClass) => {
    let weak: Device;
    let plain: Device;
    beforeAll(async () => {
      weak = await Device.open(await openLimitedAdapter({ name: 'wasm' }), { adapterClass });
      plain = await openDevice();
    });
    afterAll(() => {
      weak.destroy();
      plain.destroy();
    });

    test('has only what every adapter has', () => {
      expect([...weak.gpu.features].filter((name) => /subgroup|f16|timestamp/.test(name))).toEqual([]);
      expect(weak.limits).toEqual(WEBGPU_LIMITS);
      expect([weak.subgroupSize, weak.isWasm]).toEqual([0, false]);
    });

    test('trains as another adapter does', async () => {
      const [found, expected] = [await trained(weak), await trained(plain)];
      expect(found.greedy).toEqual(expected.greedy);
      for (const part of ['supervised', 'grpo'] as const) {
        expected[part].forEach((value, i) => {
          expect(found[part][i]).toBeCloseTo(value, 3);
        });
      }
    });
  },
);
