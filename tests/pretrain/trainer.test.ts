/** The supervised trainer: its loss, its schedule, its randomness, and gradients that are not finite. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { type PretrainOptions, pretrainOptions } from '../../src/pretrain/options.ts';
import { type PretrainMetrics, SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { type Sample, SampleStream } from '../../src/tasks/arithmetic/sample.ts';
import { type ArithmeticOptions, arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { openDevice } from '../device.ts';
import {
  expectSameGradients,
  fixtureModel,
  gradients,
  gradients64,
  parameters64,
} from '../model/referenceModels.ts';
import { cat, crossEntropy, backward as oracleBackward, slice } from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { cosineWithWarmup } from '../oracle/optim.ts';
import { forward as oracleForward } from '../oracle/transformer.ts';

const TASK = { maxDigits: 1, maxDepth: 1, operators: 'next,prev,abs' } as const;
const CONFIG = modelConfig('tiny', { vocabSize: VOCAB_SIZE, nLayers: 1, dropout: 0 });

/** Draw the samples of the first batch, independently of the trainer. */
function firstBatch(options: PretrainOptions, task: ArithmeticOptions): Sample[] {
  const stream = new SampleStream({ seed: options.seed, ...task }, { stream: 0 });
  return Array.from({ length: options.batchSize }, () => stream.next());
}

describe('the supervised trainer', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  async function train(
    model: Transformer,
    options: PretrainOptions,
    steps: number,
    task = arithmetic(TASK),
  ): Promise<{ metrics: PretrainMetrics[]; weights: ReadonlyMap<string, { readonly data: Float32Array }> }> {
    const trainer = new SupervisedTrainer(model, options, { task });
    const metrics: PretrainMetrics[] = [];
    for (let i = 0; i < steps; i++) metrics.push(await trainer.step());
    trainer.dispose();
    return { metrics, weights: await model.stateDict() };
  }

  test('learns an easy task', async () => {
    const model = Transformer.create(device, CONFIG, 1);
    const options = pretrainOptions({ steps: 1, numExamples: 960, batchSize: 16, lr: 1e-2 });
    const task = arithmetic({ ...TASK, littleProbability: 0, scratchpadProbability: 1 });
    const { metrics } = await train(model, options, 60, task);
    const { loss } = metrics[0];
    // At first all tokens are about as likely: log 57.
    expectClose([loss], [Math.log(57)], { rtol: 0, atol: 0.1 });
    const last = metrics.slice(-5).reduce((sum, each) => sum + each.loss / 5, 0);
    expect(last).toBeLessThan(1.3);
    expect(metrics.map(({ step }) => step)).toEqual(metrics.map((_, i) => i + 1));
    expect(metrics.every(({ skipped }) => skipped === 0)).toBe(true);
    model.dispose();
  });

  test.each([false, true])(
    'promptLoss %s: the first loss and gradient are the cross-entropy’s',
    async (promptLoss) => {
      const options = pretrainOptions({ batchSize: 6, numExamples: 6, promptLoss, seed: 5 });
      const size = { maxDigits: 2, maxDepth: 2 };
      const model = fixtureModel(device, 'tiny.safetensors');
      const params = parameters64(await model.stateDict());
      const trainer = new SupervisedTrainer(model, { ...options, dropout: 0 }, { task: arithmetic(size) });
      const { loss, gradNorm, tokens } = await trainer.step();
      const samples = firstBatch(options, size);
      expect(tokens).toBe(samples.reduce((sum, sample) => sum + sample.tokens.length - 1, 0));
      // The mean over all scored tokens of the batch, each given the ones before it.
      const scored = samples.map(({ tokens: sequence, promptLength }) => {
        const from = promptLoss ? 1 : promptLength;
        const [logits] = oracleForward(model.config, params, [sequence]);
        return { rows: slice(logits, 0, from - 1, sequence.length - 1), targets: sequence.slice(from) };
      });
      const expected = crossEntropy(
        cat(
          scored.map(({ rows }) => rows),
          0,
        ),
        scored.flatMap(({ targets }) => targets),
      );
      oracleBackward(expected);
      expectClose([loss], [expected.item()], { rtol: 1e-5 });
      const squares = [...params.values()].flatMap(({ grad }) => Array.from(grad ?? [])).map((g) => g * g);
      expectClose([gradNorm], [Math.sqrt(squares.reduce((a, b) => a + b, 0))], { rtol: 1e-4 });
      const weights = [...params].filter(([name]) => !name.endsWith('alibi_slopes'));
      expectSameGradients(await gradients(model), gradients64(new Map(weights)), { rtol: 1e-4, atol: 1e-6 });
      trainer.dispose();
      model.dispose();
    },
  );

  test.each(['cosine', 'none'] as const)('scheduler %s: the rate of every step', async (scheduler) => {
    const options = pretrainOptions({
      scheduler,
      steps: 3,
      numExamples: 70,
      batchSize: 8,
      warmupRatio: 0.1,
    });
    const model = Transformer.create(device, CONFIG, 1);
    const trainer = new SupervisedTrainer(model, options, { task: arithmetic(TASK) });
    expect(trainer.stepsPerPass).toBe(9);
    expect(trainer.totalSteps).toBe(27);
    for (let step = 0; step < 27; step++) {
      const factor = cosineWithWarmup(step, { totalSteps: 27, warmupRatio: 0.1, minRatio: 1e-5 / 1e-3 });
      const expected = scheduler === 'none' ? 1e-3 : 1e-3 * factor;
      expectClose([trainer.learningRate(step)], [expected], { rtol: 1e-12, atol: 0 });
    }
    const { lr, pass } = await trainer.step();
    expect(lr).toBe(trainer.learningRate(0));
    expect(pass).toBe(1);
    trainer.dispose();
    model.dispose();
  });

  test('passes are counted, and a step is what the learning rate says', async () => {
    const options = pretrainOptions({ steps: 2, numExamples: 10, batchSize: 4, warmupRatio: 0 });
    const model = Transformer.create(device, CONFIG, 1);
    const { metrics } = await train(model, options, 6);
    expect(metrics.map(({ pass }) => pass)).toEqual([1, 1, 1, 2, 2, 2]);
    model.dispose();
  });

  test('a pass has as many examples as it says: the last batch is what is left', async () => {
    const options = pretrainOptions({ steps: 2, numExamples: 7, batchSize: 4 });
    const model = Transformer.create(device, CONFIG, 1);
    const { metrics } = await train(model, options, 4);
    const stream = new SampleStream({ ...TASK, seed: options.seed }, { stream: 0 });
    const tokensOf = (count: number): number =>
      Array.from({ length: count }, () => stream.next().tokens.length - 1).reduce((a, b) => a + b, 0);
    expect(metrics.map(({ tokens }) => tokens)).toEqual([4, 3, 4, 3].map(tokensOf));
    const alone = Transformer.create(device, CONFIG, 1);
    const few = await train(alone, { ...options, numExamples: 3 }, 1);
    const first = new SampleStream({ ...TASK, seed: options.seed }, { stream: 0 });
    const three = [first.next(), first.next(), first.next()];
    expect(few.metrics[0].tokens).toBe(three.reduce((sum, { tokens }) => sum + tokens.length - 1, 0));
    for (const each of [model, alone]) each.dispose();
  });

  test('the same seed gives the same bits, dropout included; another seed does not', async () => {
    const run = async (seed: number) => {
      const model = Transformer.create(device, CONFIG, 1);
      const options = pretrainOptions({ numExamples: 8, batchSize: 8, dropout: 0.1, seed });
      const result = await train(model, options, 4);
      model.dispose();
      return result;
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect((await run(2)).metrics).not.toEqual(first.metrics);
  });

  test('dropout is the model’s own unless an option says otherwise', async () => {
    const loss = async (modelDropout: number, dropout?: number): Promise<number> => {
      const model = Transformer.create(device, { ...CONFIG, dropout: modelDropout }, 1);
      const options = pretrainOptions({
        numExamples: 4,
        batchSize: 4,
        ...(dropout === undefined ? {} : { dropout }),
      });
      const { metrics } = await train(model, options, 1);
      model.dispose();
      return metrics[0].gradNorm;
    };
    const [none, own, off, same] = [await loss(0), await loss(0.3), await loss(0.3, 0), await loss(0, 0.3)];
    expect(own).not.toBe(none);
    expect(off).toBe(none);
    expect(same).toBe(own);
  });

  test.each([
    { practice: true, batchSize: 5 },
    { practice: true, numExamples: 7 },
    { practice: true, numExamples: 5, steps: 2 },
    { dropout: 0.1, scheduler: 'none' as const },
  ])('%o: two steps and two, stopped and made anew, are four, to the bit', async (overrides) => {
    const options = pretrainOptions({ numExamples: 20, batchSize: 4, ...overrides });
    const task = arithmetic({ ...TASK, maxDigits: 2 });
    const whole = Transformer.create(device, CONFIG, 1);
    const expected = await train(whole, options, 4, task);
    const model = Transformer.create(device, CONFIG, 1);
    const first = new SupervisedTrainer(model, options, { task });
    const metrics = [await first.step(), await first.step()];
    const { progress, ...tensors } = await first.state();
    const middle = await model.stateDict();
    first.dispose();
    model.load(initialStateDict(CONFIG, 2));
    const second = new SupervisedTrainer(model, options, { task });
    model.load(middle);
    second.restore({ progress: JSON.parse(JSON.stringify(progress)), ...tensors });
    metrics.push(await second.step(), await second.step());
    expect(metrics).toEqual(expected.metrics);
    expect(await model.stateDict()).toEqual(expected.weights);
    expect(() => second.restore({ progress: { ...progress, cursors: [0, 0, 0] }, ...tensors })).toThrow(
      /cursors/,
    );
    expect(() => second.restore({ progress, ...tensors, optimizer: new Map() })).toThrow(/optimiser/);
    second.dispose();
    for (const each of [whole, model]) each.dispose();
  });

  test('practice: every other example comes from a task one level easier', async () => {
    const options = pretrainOptions({ practice: true, batchSize: 8, numExamples: 8, seed: 3 });
    const size = { maxDigits: 2, maxDepth: 2 };
    const model = Transformer.create(device, CONFIG, 1);
    const trainer = new SupervisedTrainer(model, options, { task: arithmetic(size) });
    const { seed } = options;
    const streams = [
      new SampleStream({ ...size, seed }, { stream: 0 }),
      new SampleStream({ maxDigits: 1, maxDepth: 1, seed }, { stream: 1 }),
    ];
    for (let step = 0; step < 3; step++) {
      const samples = Array.from({ length: 8 }, (_, i) => streams[i % 2].next());
      const { tokens } = await trainer.step();
      expect(tokens).toBe(samples.reduce((sum, each) => sum + each.tokens.length - 1, 0));
    }
    trainer.dispose();
    model.dispose();
  });

  test('a gradient that is not finite changes nothing and is counted; ten in a row end the run', async () => {
    const model = Transformer.create(device, CONFIG, 1);
    const options = pretrainOptions({ numExamples: 4, batchSize: 4, steps: 100 });
    const trainer = new SupervisedTrainer(model, options, { task: arithmetic(TASK) });
    await trainer.step();
    const healthy = await model.stateDict();
    const poisoned = new Map(healthy);
    poisoned.set('blocks.0.norm1.bias', { shape: [32], data: new Float32Array(32).fill(Number.NaN) });
    model.load(poisoned);
    for (let i = 1; i <= 4; i++) {
      const { skipped, loss, gradNorm } = await trainer.step();
      expect(skipped).toBe(i);
      expect(loss).toBeNaN();
      expect(Number.isFinite(gradNorm)).toBe(false);
    }
    expect(await model.stateDict()).toEqual(poisoned);
    // A step that works breaks the row, and is taken.
    model.load(healthy);
    expect((await trainer.step()).skipped).toBe(4);
    expect(await model.stateDict()).not.toEqual(healthy);
    model.load(poisoned);
    for (let i = 1; i <= 9; i++) expect((await trainer.step()).skipped).toBe(4 + i);
    await expect(trainer.step()).rejects.toMatchObject({ code: 'DIVERGED', where: 'step 16' });
    trainer.dispose();
    model.dispose();
  });

  test('memory stays as it is from step to step, and dispose gives the optimiser’s back', async () => {
    const model = Transformer.create(device, CONFIG, 1);
    const options = pretrainOptions({ numExamples: 4, batchSize: 4 });
    await train(model, options, 1);
    const before = device.memory().liveBytes;
    // One recording at a time, so that what a new size needs replaces what the last one needed.
    const trainer = new SupervisedTrainer(model, options, {
      task: arithmetic(TASK),
      capture: { maxRecordings: 1 },
    });
    await trainer.step();
    const { liveBytes } = device.memory();
    expect(liveBytes).toBeGreaterThan(before);
    for (let i = 0; i < 8; i++) await trainer.step();
    expect(device.memory().liveBytes).toBeLessThan(3 * liveBytes);
    trainer.dispose();
    expect(device.memory().liveBytes).toBe(before);
    model.dispose();
  });
});
