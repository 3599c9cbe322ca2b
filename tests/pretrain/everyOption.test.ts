/** Every option of supervised training, changed one at a time, has its documented effect. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type ModelOverrides, modelConfig } from '../../src/model/config.ts';
import { scoreTokens } from '../../src/model/score.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { type PretrainOptions, pretrainOptions, pretrainSchema } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { type Sample, SampleStream } from '../../src/tasks/arithmetic/sample.ts';
import { type ArithmeticOptions, arithmetic, type arithmeticTask } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { noGrad } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { gradients } from '../model/referenceModels.ts';
import { expectClose } from '../oracle/compare.ts';

type Overrides = Partial<Parameters<typeof pretrainOptions>[0]>;

const SIZE: ArithmeticOptions = { maxDigits: 2, maxDepth: 1 };

const BASE = {
  steps: 1,
  batchSize: 4,
  numExamples: 16,
  scheduler: 'none',
  weightDecay: 0,
  gradClip: 0,
  lr: 1e-3,
} as const;
const EXPERTS = { numExperts: 4, activeExperts: 2 };

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** Call `work` with a trainer of a small model, and free both. */
async function using<Result>(
  overrides: Overrides,
  work: (trainer: SupervisedTrainer, model: Transformer) => Promise<Result>,
  shape: Partial<ModelOverrides> = {},
  size: ArithmeticOptions = SIZE,
): Promise<Result> {
  const model = Transformer.create(
    device,
    modelConfig('tiny', { vocabSize: VOCAB_SIZE, nLayers: 2, dropout: 0, ...shape }),
    1,
  );
  const options = pretrainOptions({ ...BASE, ...overrides });
  const trainer = new SupervisedTrainer(model, options, {
    task: arithmetic(size),
    capture: { replay: false },
  });
  const result = await work(trainer, model);
  trainer.dispose();
  model.dispose();
  return result;
}

/** Return the tokens that each of `steps` steps computes, without padding. */
const batches = (overrides: Overrides, steps: number, size = SIZE): Promise<number[][]> =>
  using(
    overrides,
    async (trainer, model) => {
      const seen: Promise<ArrayLike<number>>[] = [];
      const hidden = model.hidden.bind(model);
      model.hidden = (tokens, ...rest) => {
        seen.push(tokens.data());
        return hidden(tokens, ...rest);
      };
      const counts: number[] = [];
      for (let i = 0; i < steps; i++) counts.push((await trainer.step()).tokens);
      const found = await Promise.all(seen);
      return found.map((ids, i) => Array.from(ids).slice(0, counts[i]));
    },
    {},
    size,
  );

/** Return the inputs of a batch of examples: all tokens except the last of each. */
const inputsOf = (samples: readonly Sample[]): number[] =>
  samples.flatMap(({ tokens }) => tokens.slice(0, -1));

const drawn = ({ seed }: PretrainOptions, count: number, from = 0, size = SIZE): Sample[] => {
  const stream = new SampleStream({ seed, ...size }, { stream: 0 });
  return Array.from({ length: from + count }, () => stream.next()).slice(from);
};

/** Expect the examples of the first batch to be those of the options, and to differ from those of `others`. */
async function expectExamples(overrides: Overrides, others: Overrides = {}): Promise<void> {
  const [found] = await batches(overrides, 1);
  const { batchSize } = BASE;
  expect(found).toEqual(inputsOf(drawn(pretrainOptions({ ...BASE, ...overrides }), batchSize)));
  expect(found).not.toEqual(inputsOf(drawn(pretrainOptions({ ...BASE, ...others }), batchSize)));
}

/** Expect the same of options of the task. */
async function expectExamplesOf(changed: ArithmeticOptions, other: ArithmeticOptions = {}): Promise<void> {
  const size = { ...SIZE, ...changed };
  const [found] = await batches({}, 1, size);
  const { batchSize } = BASE;
  const options = pretrainOptions(BASE);
  expect(found).toEqual(inputsOf(drawn(options, batchSize, 0, size)));
  expect(found).not.toEqual(inputsOf(drawn(options, batchSize, 0, { ...SIZE, ...other })));
}

/** Return the optimiser's state and the weights after a step; `at` is the number of earlier steps. */
const changes = (overrides: Overrides, at = 0) =>
  using(overrides, async (trainer, model) => {
    const before = await model.stateDict();
    const start = await trainer.state();
    trainer.restore({ ...start, progress: { ...start.progress, step: at } });
    const metrics = await trainer.step();
    const { optimizer } = await trainer.state();
    const after = await model.stateDict();
    const largest = [...after].reduce((most, [name, { data }]) => {
      const old = before.get(name)?.data ?? new Float32Array();
      return data.reduce((max, value, i) => Math.max(max, Math.abs(value - (old[i] ?? 0))), most);
    }, 0);
    return {
      metrics,
      before,
      after,
      largest,
      momentum: Math.hypot(...(optimizer.get('exp_avg')?.data ?? [])),
    };
  });

/** Expect these learning rates: in the metrics, and as the length of Adam's first step, which equals its rate. */
async function expectRates(overrides: Overrides, rates: readonly number[]): Promise<void> {
  for (const [at, rate] of rates.entries()) {
    const { metrics, largest } = await changes(overrides, at);
    expectClose([metrics.lr], [rate], { rtol: 1e-12, atol: 0, label: `rate of step ${at}` });
    expectClose([largest], [rate], { rtol: 1e-2, atol: 0, label: `change of step ${at}` });
  }
}

const firstMetrics = (overrides: Overrides, shape: Partial<ModelOverrides> = {}) =>
  using(overrides, (trainer) => trainer.step(), shape);

/** The options of the task reach the trainer. */
const TASK_EFFECTS: Readonly<
  Record<keyof (typeof arithmeticTask.options & typeof arithmeticTask.pretraining), () => Promise<void>>
> = {
  maxDigits: () => expectExamplesOf({ maxDigits: 4 }),
  maxDepth: () => expectExamplesOf({ maxDepth: 3 }),
  operators: () => expectExamplesOf({ operators: 'next' }),
  littleProbability: async () => {
    await expectExamplesOf({ littleProbability: 0 }, { littleProbability: 1 });
    await expectExamplesOf({ littleProbability: 1 }, { littleProbability: 0 });
  },
  scratchpadProbability: async () => {
    await expectExamplesOf({ scratchpadProbability: 0 }, { scratchpadProbability: 1 });
    await expectExamplesOf({ scratchpadProbability: 1 }, { scratchpadProbability: 0 });
  },
};

const EFFECTS: Readonly<Record<keyof typeof pretrainSchema.shape, () => Promise<void>>> = {
  steps: () =>
    using({ steps: 3 }, async ({ stepsPerPass, totalSteps }) =>
      expect([stepsPerPass, totalSteps]).toEqual([4, 12]),
    ),
  lr: async () => {
    await expectRates({ lr: 1e-3 }, [1e-3]);
    await expectRates({ lr: 2.5e-4 }, [2.5e-4]);
  },
  batchSize: async () => {
    const [found] = await batches({ batchSize: 6 }, 1);
    expect(found).toEqual(inputsOf(drawn(pretrainOptions(BASE), 6)));
  },
  numExamples: async () => {
    const found = await batches({ numExamples: 5 }, 3);
    const [options, each] = [pretrainOptions(BASE), [4, 1, 4]];
    expect(found).toEqual(each.map((count, i) => inputsOf(drawn(options, count, [0, 4, 5][i]))));
  },
  practice: async () => {
    const options = pretrainOptions({ ...BASE, practice: true });
    const { seed } = options;
    const streams = [
      new SampleStream({ ...SIZE, seed }, { stream: 0 }),
      new SampleStream({ maxDigits: 1, maxDepth: 1, seed }, { stream: 1 }),
    ];
    const samples = [0, 1, 0, 1].flatMap((i) => streams[i]?.next() ?? []);
    expect(await batches({ practice: true }, 1)).toEqual([inputsOf(samples)]);
  },
  scheduler: async () => {
    await expectRates({ scheduler: 'none', warmupRatio: 0 }, [1e-3, 1e-3]);
    await expectRates({ scheduler: 'cosine', warmupRatio: 0, numExamples: 8, minLr: 0 }, [1e-3, 5e-4]);
  },
  warmupRatio: () =>
    // Two steps of warm-up, the second one at the full rate; then half a cosine that the last step does not end.
    expectRates({ scheduler: 'cosine', warmupRatio: 0.5, minLr: 0 }, [5e-4, 1e-3, 1e-3, 5e-4]),
  minLr: () =>
    expectRates({ scheduler: 'cosine', warmupRatio: 0, numExamples: 8, minLr: 5e-4 }, [1e-3, 7.5e-4]),
  gradClip: async () => {
    // Adam's first moment is a tenth of the clipped gradient.
    const free = await changes({});
    const { gradNorm } = free.metrics;
    const clipped = await changes({ gradClip: gradNorm / 8 });
    expectClose([free.momentum, clipped.momentum], [gradNorm / 10, gradNorm / 80], { rtol: 1e-4, atol: 0 });
    expectClose([clipped.metrics.gradNorm], [gradNorm], { rtol: 1e-6 });
  },
  weightDecay: async () => {
    // Embeddings of tokens that the batch lacks have no gradient: they change by the decay alone.
    const [used] = await batches({ lr: 1e-2 }, 1);
    for (const weightDecay of [0, 0.5]) {
      const { before, after } = await changes({ lr: 1e-2, weightDecay });
      const name = 'tok_emb.weight';
      const [old, now] = [before, after].map((weights) => weights.get(name)?.data ?? new Float32Array());
      const width = 32;
      const unused = Array.from({ length: 57 }, (_, id) => id).filter((id) => !used?.includes(id));
      expect(unused.length).toBeGreaterThan(10);
      for (const id of unused) {
        const row = (data: Float32Array | undefined) =>
          Array.from(data?.subarray(id * width, (id + 1) * width) ?? []);
        const wanted = row(old).map((value) => value * (1 - 1e-2 * weightDecay));
        expectClose(row(now), wanted, { rtol: 1e-6, atol: 0 });
      }
    }
  },
  dropout: async () => {
    const loss = async (overrides: Overrides, dropout: number) =>
      (await firstMetrics(overrides, { dropout })).loss;
    const [none, own] = [await loss({}, 0), await loss({}, 0.5)];
    expect(own).not.toBe(none);
    expect(await loss({ dropout: 0 }, 0.5)).toBe(none);
    expect(await loss({ dropout: 0.5 }, 0)).toBe(own);
  },
  loadBalanceCoef: async () => {
    // The gradient that it adds is that of the reported loss, the mean over the layers, by finite differences.
    const lr = 1e-12;
    const router = 'blocks.1.moe.router.weight';
    await using(
      { lr },
      async (plain, model) => {
        const start = await model.stateDict();
        const { loadBalance = Number.NaN } = await plain.step();
        expect(loadBalance).toBeGreaterThanOrEqual(1);
        expect(loadBalance).toBeLessThan(1.5);
        const without = (await gradients(model)).get(router) ?? new Float32Array();
        const coefficient = 100;
        const added = await using(
          { lr, loadBalanceCoef: coefficient },
          async (trainer, other) => {
            other.load(start);
            await trainer.step();
            const found = (await gradients(other)).get(router) ?? new Float32Array();
            return found.map((value, i) => (value - (without[i] ?? 0)) / coefficient);
          },
          EXPERTS,
        );
        const at = added.reduce(
          (best, value, i) => (Math.abs(value) > Math.abs(added[best] ?? 0) ? i : best),
          0,
        );
        const balanceAt = (by: number) =>
          using(
            { lr },
            async (trainer, other) => {
              const changed = new Map(start);
              const { shape, data } = start.get(router) ?? { shape: [], data: new Float32Array() };
              changed.set(router, { shape, data: data.map((value, i) => (i === at ? value + by : value)) });
              other.load(changed);
              return (await trainer.step()).loadBalance ?? Number.NaN;
            },
            EXPERTS,
          );
        const eps = 2e-3;
        const slope = ((await balanceAt(eps)) - (await balanceAt(-eps))) / (2 * eps);
        expect(Math.abs(slope)).toBeGreaterThan(1e-3);
        expectClose([added[at] ?? Number.NaN], [slope], { rtol: 0.05, atol: 0 });
      },
      EXPERTS,
    );
  },
  promptLoss: async () => {
    for (const promptLoss of [false, true]) {
      await using({ promptLoss }, async (trainer, model) => {
        const samples = drawn(trainer.options, BASE.batchSize);
        const sequences = samples.map(({ tokens, promptLength }) => ({
          tokens,
          from: promptLoss ? 1 : promptLength,
        }));
        const logps = await noGrad(() => scoreTokens(model, sequences).logp).data();
        const wanted = -Array.from(logps).reduce((sum, logp) => sum + logp, 0) / logps.length;
        expectClose([(await trainer.step()).loss], [wanted], { rtol: 1e-5 });
      });
    }
    const [without, withPrompt] = [await firstMetrics({}), await firstMetrics({ promptLoss: true })];
    expect(withPrompt.loss).not.toBeCloseTo(without.loss, 4);
  },
  seed: async () => {
    await expectExamples({ seed: 1 });
    const loss = async (seed: number) => (await firstMetrics({ seed, dropout: 0.5 })).loss;
    expect(await loss(1)).not.toBe(await loss(2));
  },
};

test('every option has a row', () => {
  expect(Object.keys(EFFECTS).sort()).toEqual(Object.keys(pretrainSchema.shape).sort());
});

test.each(Object.entries(EFFECTS))('%s', (_, effect) => effect());

test.each(Object.entries(TASK_EFFECTS))('%s of the task', (_, effect) => effect());
