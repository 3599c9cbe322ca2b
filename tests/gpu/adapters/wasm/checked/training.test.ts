/** Training steps run without a finding, and compute the bits of the compiled kernels: two implementations of one tree. */
import { describe, expect, test } from 'vitest';
import { openCheckedAdapter } from '../../../../../src/gpu/adapters/wasm/checked/adapter.ts';
import { openWasm } from '../../../../../src/gpu/adapters/wasm/index.ts';
import { Device } from '../../../../../src/gpu/device.ts';
import { grpoOptions } from '../../../../../src/grpo/options.ts';
import { GrpoTrainer } from '../../../../../src/grpo/trainer.ts';
import { modelConfig } from '../../../../../src/model/config.ts';
import { Transformer } from '../../../../../src/model/transformer.ts';
import { pretrainOptions } from '../../../../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../../../../src/pretrain/trainer.ts';
import { arithmetic } from '../../../../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../../../../src/tasks/arithmetic/tokenizer.ts';

const task = arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' });
const SIZE = { nLayers: 1, dModel: 16, nHeads: 2, dFF: 16, vocabSize: VOCAB_SIZE };

/** Return the parameters after a step of pretraining and one of GRPO. */
async function trained(adapter: GPUAdapter, experts: object): Promise<Float32Array> {
  const device = await Device.open(adapter);
  const model = Transformer.create(device, modelConfig('tiny', { ...SIZE, dropout: 0.1, ...experts }), 1);
  const pretraining = new SupervisedTrainer(
    model,
    pretrainOptions({ batchSize: 3, numExamples: 3, steps: 1, lr: 3e-3, seed: 1 }),
    { task },
  );
  await pretraining.step();
  const reinforcement = new GrpoTrainer(
    model,
    grpoOptions({ batchSize: 2, groupSize: 2, maxNewTokens: 5, lr: 1e-3, seed: 1, topK: 30, klCoef: 0.1 }),
    { task },
  );
  await reinforcement.step();
  const parameters = await model.parameters.data();
  device.destroy();
  return parameters;
}

const bits = ({ buffer }: Float32Array): Uint32Array => new Uint32Array(buffer);

describe.each([
  ['a dense model', {}],
  ['a mixture of experts', { numExperts: 3, activeExperts: 2 }],
])('%s', (_, experts) => {
  test('has the bits of compiled kernels', async () => {
    const compiled = await trained(openWasm({ threads: 1 }).adapter, experts);
    expect(bits(await trained(openCheckedAdapter(), experts))).toEqual(bits(compiled));
  });

  test('trains with subgroups', async () => {
    const parameters = await trained(openCheckedAdapter(8), experts);
    expect(parameters.every(Number.isFinite)).toBe(true);
  });
});
