/**
 * Every preset, with its widths and heads but one layer, trains, samples and takes a GRPO step: with WebGPU's default limits,
 * and with bindings that hold little more than the largest weight. Only the order of sums may differ.
 */
import { afterAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import { architectureOf, MODEL_SIZES, type ModelSize, modelConfig } from '../../src/model/config.ts';
import { mostTokens } from '../../src/model/microBatches.ts';
import { Sampler } from '../../src/model/sampler.ts';
import { scoreTokens } from '../../src/model/score.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { EOS, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { noGrad } from '../../src/tensor/index.ts';
import { sizeOf } from '../../src/tensor/tensor.ts';
import { openDevice } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';

const TASK = { maxDigits: 1, maxDepth: 1, operators: '+' } as const;
/** WebGPU's defaults. */
const DEFAULTS = {
  maxBufferSize: 268_435_456,
  maxStorageBufferBindingSize: 134_217_728,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
};

/** A reward for even ids, as random weights give no right answer. */
const evenness = {
  name: 'evenness',
  reward: (_: unknown, { tokens }: { readonly tokens: readonly number[] }) =>
    tokens.filter((token) => token % 2 === 0).length / tokens.length,
};

const configOf = (size: ModelSize) => modelConfig(size, { vocabSize: VOCAB_SIZE, nLayers: 1, dropout: 0.1 });

/** Return the smallest usable binding: a quarter more than the largest weight, for its gradient and that of the bias. */
function tightest(size: ModelSize): number {
  const config = configOf(size);
  const { weights } = architectureOf(config).decoder(config);
  const sizes = weights.map(({ shape }) => sizeOf(shape));
  return Math.ceil((1.25 * 4 * Math.max(...sizes)) / 16) * 16;
}

/** ‖a − b‖ / ‖b‖ */
function distance(a: Float32Array, b: Float32Array): number {
  let [difference, norm] = [0, 0];
  for (const [i, y] of b.entries()) {
    difference += ((a[i] ?? Number.NaN) - y) ** 2;
    norm += y * y;
  }
  return Math.sqrt(difference / norm);
}

async function program(device: Device, size: ModelSize) {
  const model = Transformer.create(device, configOf(size), 1);
  const sampler = new Sampler(model, { eos: EOS });
  const prompts = ['1+2', '7', '3-4'].map((expression) => prompt(expression));
  const options = { maxNewTokens: 6, temperature: 1, seed: 1, groupSize: 4, topK: 20 };
  const completions = await sampler.generate(prompts, options);
  const scored = completions.map(({ prompt: i, tokens, kept }) => {
    const start = prompts[i] ?? [];
    return { tokens: [...start, ...tokens], from: start.length, kept };
  });
  const scores = noGrad(() => scoreTokens(model, scored));
  const logps = (await scores.logp.data()) as Float32Array;

  const short = { batchSize: 12, promptLoss: true };
  const supervised = new SupervisedTrainer(model, pretrainOptions({ ...short, lr: 1e-3 }), {
    task: arithmetic({ ...TASK, scratchpadProbability: 0 }),
  });
  const pretrained = await supervised.step();
  supervised.dispose();
  const weights = await model.parameters.data();

  const reinforced = new GrpoTrainer(
    model,
    grpoOptions({ batchSize: 2, groupSize: 3, maxNewTokens: 5, steps: 1, klCoef: 0.1 }),
    { task: arithmetic(TASK), rewards: [evenness] },
  );
  const { skipped, grad_norm: gradNorm = 0 } = await reinforced.step();
  const learnt = { skipped, gradNorm };
  reinforced.dispose();
  const parts = {
    arenas: model.parameters.arenas.length,
    batch: Math.ceil(pretrained.tokens / mostTokens(model)),
  };
  sampler.dispose();
  model.dispose();
  return { parts, completions, logps, pretrained, weights, learnt };
}

describe.each(Object.keys(MODEL_SIZES) as ModelSize[])('%s', (size) => {
  const opened: Device[] = [];
  const open = async (limits: object): Promise<Device> => {
    const device = await openDevice({ limits: { ...DEFAULTS, ...limits } });
    opened.push(device);
    return device;
  };
  afterAll(() => {
    for (const device of opened) device.destroy();
  });

  test('trains, samples and takes a GRPO step, whatever a binding holds', async () => {
    const whole = await program(await open({}), size);
    expect(whole.parts).toEqual({ arenas: 1, batch: 1 });
    expect(whole.pretrained).toMatchObject({ skipped: 0 });
    expect(whole.learnt).toMatchObject({ skipped: 0 });
    expect(whole.pretrained.gradNorm).toBeGreaterThan(0);
    expect(whole.learnt.gradNorm).toBeGreaterThan(0);
    const recorded = whole.completions.flatMap(({ logps }) => [...logps]);
    for (const [i, logp] of recorded.entries()) expect(whole.logps[i]).toBeCloseTo(logp, 4);

    const split = await program(await open({ maxStorageBufferBindingSize: tightest(size) }), size);
    expect(split.parts.arenas).toBeGreaterThan(1);
    expect(split.completions).toEqual(whole.completions);
    expectClose(split.logps, whole.logps, { rtol: 0, atol: 1e-5 });
    // Batches of the narrow presets are cut, too.
    expect(split.parts.batch > 1).toBe(size === 'tiny' || size === 'small');
    if (split.parts.batch === 1) {
      expect(split.pretrained).toEqual(whole.pretrained);
      expect(distance(split.weights, whole.weights)).toBe(0);
    } else {
      expect(split.pretrained.loss).toBeCloseTo(whole.pretrained.loss, 5);
      expect(split.pretrained.gradNorm).toBeCloseTo(whole.pretrained.gradNorm, 4);
      expect(distance(split.weights, whole.weights)).toBeLessThan(1e-4);
    }
    expect(split.learnt.gradNorm).toBeGreaterThan(0);
    expect(Math.abs(split.learnt.gradNorm / whole.learnt.gradNorm - 1)).toBeLessThan(0.05);
  });
});
