/** Dispatches and reads of training steps, counted on an adapter that computes nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countingAdapter, type Pretended, plainGpu } from '../../bench/countingAdapter.ts';
import { supervisedStep } from '../../bench/supervisedStep.ts';
import { Device, type DeviceOptions } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { type ModelSize, modelConfig } from '../../src/model/config.ts';
import type { CompletionSampler } from '../../src/model/sampler.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { EOS, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';

let real: Device;
beforeAll(async () => {
  real = await openDevice();
});
afterAll(() => real.destroy());

/** The adapter under test, and a GPU; a GPU without subgroups has only the kernels that run everywhere. */
const forms = (): {
  readonly kind: string;
  readonly pretended: Pretended;
  readonly options: DeviceOptions;
}[] => [
  {
    kind: 'the adapter',
    pretended: { ...real, features: real.gpu.features, limits: real.gpu.limits },
    options: {},
  },
  { kind: 'a GPU', pretended: plainGpu(32), options: { adapterClass: 'gpu' } },
  { kind: 'a GPU without subgroups', pretended: plainGpu(0), options: { adapterClass: 'gpu' } },
];

/** Run `prepare` on each form, and return the dispatches and reads of the third step. */
async function counted(prepare: (device: Device) => () => Promise<unknown>) {
  const counts: { readonly kind: string; readonly dispatches: number; readonly reads: number }[] = [];
  for (const { kind, pretended, options } of forms()) {
    const device = await Device.open(countingAdapter(pretended).adapter, options);
    const step = prepare(device);
    await step();
    await step();
    const before = device.counters();
    await step();
    const after = device.counters();
    device.destroy();
    counts.push({
      kind,
      dispatches: after.dispatches - before.dispatches,
      reads: after.reads - before.reads,
    });
  }
  return counts;
}

/** Completions of some 20 tokens, as a sampler gives them. */
const completions: CompletionSampler = {
  async generate(prompts, { groupSize = 1 }) {
    return prompts.flatMap((_, prompt) =>
      Array.from({ length: groupSize }, (_, i) => {
        const tokens = Array.from({ length: 16 + i }, (_, t) =>
          t === 15 + i ? EOS : 1 + ((t * (i + 1)) % 9),
        );
        return { prompt, tokens, logps: new Float32Array(tokens.length).fill(-1), finished: true };
      }),
    );
  },
  dispose() {},
};

describe.each([
  { size: 'tiny', supervised: 60, grpo: 90 },
  { size: 'small', supervised: 100, grpo: 150 },
  // Where parts have 512 rows, those of `medium` do not all fit the room for them: some are added earlier.
  { size: 'medium', supervised: 220, grpo: 270 },
] as const satisfies readonly { size: ModelSize; supervised: number; grpo: number }[])(
  '$size',
  ({ size, supervised, grpo }) => {
    const config = modelConfig(size, { vocabSize: VOCAB_SIZE });

    test(`a supervised step takes at most ${supervised} dispatches`, async () => {
      const counts = await counted((device) => {
        const step = supervisedStep(Transformer.create(device, config, 0), { batch: 128, length: 64 });
        return async () => {
          using _ = device.scope();
          step();
        };
      });
      for (const { kind, dispatches } of counts) expect(dispatches, kind).toBeLessThanOrEqual(supervised);
    });

    test(`the training part of a GRPO step takes at most ${grpo} dispatches, and one read`, async () => {
      const options = grpoOptions({ batchSize: 4, groupSize: 4, maxNewTokens: 24, klCoef: 0.1 });
      const counts = await counted((device) => {
        const policy = Transformer.create(device, config, 0);
        const trainer = new GrpoTrainer(policy, options, { task: ARITHMETIC, sampler: completions });
        const roll = trainer.rollout.bind(trainer);
        trainer.rollout = async () => {
          const rollout = await roll();
          return { ...rollout, rewards: rollout.completions.map((_, i) => i % 3) };
        };
        return () => trainer.step();
      });
      for (const { kind, dispatches, reads } of counts) {
        expect(dispatches, kind).toBeLessThanOrEqual(grpo);
        expect(reads, kind).toBe(1);
      }
    });
  },
);

test('a step of several micro-batches takes one read', async () => {
  const options = grpoOptions({ batchSize: 4, groupSize: 4, maxNewTokens: 24, microBatchTokens: 64 });
  const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE });
  const grpo = await counted((device) => {
    const trainer = new GrpoTrainer(Transformer.create(device, config, 0), options, {
      ...{ task: ARITHMETIC, sampler: completions },
    });
    const roll = trainer.rollout.bind(trainer);
    trainer.rollout = async () => {
      const rollout = await roll();
      return { ...rollout, rewards: rollout.completions.map((_, i) => i % 3) };
    };
    return () => trainer.step();
  });
  for (const { kind, reads } of grpo) expect(reads, kind).toBe(1);
  const supervised = await counted((device) => {
    const settings = pretrainOptions({ batchSize: 8, numExamples: 64, steps: 1 });
    const trainer = new SupervisedTrainer(Transformer.create(device, config, 0), settings, {
      task: ARITHMETIC,
    });
    return () => trainer.step();
  });
  for (const { kind, reads } of supervised) expect(reads, kind).toBe(1);
});
