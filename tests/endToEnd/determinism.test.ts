/**
 * The same program gives the same bits: twice on one device, on another device, with kernels for another CPU, eager and
 * replayed. The program starts from random weights, trains with dropout, then with GRPO, and draws all random numbers on the
 * GPU. The test compares digests of all its results.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device, DeviceOptions } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { type GrpoMetrics, GrpoTrainer, type Rollout } from '../../src/grpo/trainer.ts';
import { type ModelOverrides, modelConfig } from '../../src/model/config.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { type PretrainMetrics, SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { Generator, mul, ones, randn } from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { fixtureModel } from '../model/referenceModels.ts';

/** SHA-256 by name. */
type Digests = Record<string, string>;

const sha256 = (data: ArrayBuffer | Uint8Array | string): string =>
  createHash('sha256')
    .update(data instanceof ArrayBuffer ? new Uint8Array(data) : data)
    .digest('hex');

/** Make a model whose weights are drawn on the GPU. */
function randomTransformer(device: Device, overrides: Partial<ModelOverrides>, seed: number): Transformer {
  const model = new Transformer(device, modelConfig('tiny', { vocabSize: VOCAB_SIZE, ...overrides }));
  const generator = new Generator(seed);
  using _ = device.scope();
  for (const [name, parameter] of model.parameters.entries()) {
    const { shape } = parameter;
    const std = shape.length > 1 ? (shape.at(-1) ?? 1) ** -0.5 : 0.2;
    const norm = /norm\w*\.weight$/.test(name);
    parameter.set(norm ? ones(device, shape) : mul(randn(device, shape, { generator }), std));
  }
  return model;
}

/** Return digests of the model, the optimiser's state, and the values that `train` returns for its steps. */
async function traced<Trainer extends { dispose(): void }>(
  { device, parameters }: Transformer,
  make: () => Trainer,
  train: (trainer: Trainer) => Promise<Digests>,
): Promise<Digests> {
  const allocate = vi.spyOn(device, 'allocatePersistent');
  const trainer = make();
  const { calls, results } = allocate.mock;
  const state = results.filter((_, i) => calls[i][1] === 'optimiser').map(({ value }) => value as BufferView);
  allocate.mockRestore();
  expect(state.length).toBe(3);
  const steps = await train(trainer);
  const read = async (view: BufferView): Promise<string> => sha256(await device.read(view));
  const [report, m, v] = await Promise.all(state.map(read));
  const weights = sha256((await parameters.data()).buffer);
  const [gradients] = await Promise.all(parameters.arenas.map(({ gradients }) => read(gradients)));
  trainer.dispose();
  return { ...steps, weights, gradients, report, m, v };
}

interface ProgramOptions {
  readonly seed?: number;
  readonly replay?: boolean;
}

/** Three supervised steps with dropout, each of other lengths. */
async function pretrain(model: Transformer, { seed = 1, replay = true }: ProgramOptions): Promise<Digests> {
  const options = pretrainOptions({
    ...{ batchSize: 8, numExamples: 24, steps: 1 },
    ...{ lr: 3e-3, dropout: 0.1, loadBalanceCoef: 0.01, seed },
  });
  const task = arithmetic({ maxDigits: 2, maxDepth: 2 });
  const make = () => new SupervisedTrainer(model, options, { task, capture: { replay } });
  return traced(model, make, async (trainer) => {
    const metrics: PretrainMetrics[] = [];
    for (let step = 0; step < 3; step++) metrics.push(await trainer.step());
    return { metrics: sha256(JSON.stringify(metrics)) };
  });
}

/** The share of even ids, where nobody gets anything right. */
const evenness = ({ completions }: Rollout): number[] =>
  completions.map(({ tokens }) => tokens.filter((token) => token % 2 === 0).length / tokens.length);

interface ReinforceOptions extends ProgramOptions {
  readonly reward?: (rollout: Rollout) => number[];
  readonly steps?: number;
}

/** Take GRPO steps, in several micro-batches each, with top-k and top-p. */
async function reinforce(
  model: Transformer,
  { seed = 1, replay = true, reward, steps = 2 }: ReinforceOptions,
): Promise<Digests> {
  const options = grpoOptions({
    ...{ batchSize: 4, groupSize: 6, maxNewTokens: 24, seed },
    ...{ lr: 1e-3, topK: 30, topP: 0.98, temperature: 1.2, microBatchTokens: 256 },
  });
  const task = arithmetic({ maxDigits: 1, maxDepth: 1, operators: '+,-' });
  const make = () => new GrpoTrainer(model, options, { task, capture: { replay } });
  return traced(model, make, async (trainer) => {
    const rollouts: Rollout[] = [];
    const roll = trainer.rollout.bind(trainer);
    trainer.rollout = async () => {
      const rollout = await roll();
      const rewarded = reward ? { ...rollout, rewards: reward(rollout) } : rollout;
      rollouts.push(rewarded);
      return rewarded;
    };
    const metrics: GrpoMetrics[] = [];
    for (let step = 0; step < steps; step++) metrics.push({ ...(await trainer.step()), step_time: 0 });
    // A step without a gradient would show nothing.
    for (const { grad_norm } of metrics) expect(grad_norm).toBeGreaterThan(0);
    const completions = rollouts.flatMap((rollout) => rollout.completions);
    return {
      metrics: sha256(JSON.stringify(metrics)),
      tokens: sha256(JSON.stringify(completions.map(({ tokens }) => tokens))),
      logps: sha256(JSON.stringify(completions.map(({ logps }) => Array.from(logps)))),
      rewards: sha256(JSON.stringify(rollouts.map(({ rewards }) => rewards))),
    };
  });
}

async function program(
  device: Device,
  overrides: Partial<ModelOverrides>,
  options: ProgramOptions = {},
): Promise<Record<string, Digests>> {
  const model = randomTransformer(device, overrides, options.seed ?? 1);
  const initial = { weights: sha256((await model.parameters.data()).buffer) };
  const supervised = await pretrain(model, options);
  const reinforced = await reinforce(model, { ...options, reward: evenness });
  model.dispose();
  return { initial, supervised, reinforced };
}

/** Run `body` on a new device. */
async function onFreshDevice<T>(options: DeviceOptions, body: (device: Device) => Promise<T>): Promise<T> {
  const device = await openDevice(options);
  try {
    return await body(device);
  } finally {
    device.destroy();
  }
}

const SHAPES = [
  ['dense', {}],
  ['mixture of experts', { numExperts: 4, activeExperts: 2 }],
] as const;

describe.each(VARIANTS)('$variant kernels', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  describe.each(SHAPES)('%s', (_, overrides) => {
    let first: Record<string, Digests>;
    beforeAll(async () => {
      first = await program(device, overrides);
    });

    test('again on the same device, in memory used before', async () => {
      expect(await program(device, overrides)).toEqual(first);
    });

    test('on another device', async () => {
      const again = await onFreshDevice({ portableKernels }, (other) => program(other, overrides));
      expect(again).toEqual(first);
    });

    test('step by step instead of captured, where fresh memory is full of NaN', async () => {
      const run = (other: Device) => program(other, overrides, { replay: false });
      expect(await onFreshDevice({ portableKernels, debug: true }, run)).toEqual(first);
    });

    test.skipIf(portableKernels)('another seed changes everything', async () => {
      const other = await program(device, overrides, { seed: 2 });
      for (const [phase, digests] of Object.entries(first)) {
        for (const [name, digest] of Object.entries(digests)) {
          expect(other[phase][name], `${phase}: ${name}`).not.toBe(digest);
        }
      }
    });
  });
});

test('a trained model and the rewards of its answers, on two devices', async () => {
  const run = (device: Device) => reinforce(fixtureModel(device, 'tiny_easy.pt'), { steps: 3 });
  const first = await onFreshDevice({}, run);
  expect(await onFreshDevice({}, run)).toEqual(first);
});
