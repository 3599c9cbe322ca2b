/** Decisions, files and output of the command line's trainings, with a fake machine and trainers that only count. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MathformerError } from '../../src/base/errors.ts';
import { parseOptions } from '../../src/base/options.ts';
import { resumeFlags, resumeRun } from '../../src/cli/commands/resume.ts';
import { flagsAndTask } from '../../src/cli/flags/taskFlags.ts';
import { grpoFlags, pipelineFlags, pretrainFlags } from '../../src/cli/flags/trainingFlags.ts';
import { runGrpo, runPipeline, runPretraining } from '../../src/cli/runTrainings.ts';
import { loadCheckpoint } from '../../src/runs/checkpointFile.ts';
import { Checkpoints } from '../../src/runs/checkpoints.ts';
import { arithmeticTask } from '../../src/tasks/arithmetic/task.ts';
import { settingsOf } from '../../src/training/trainedSettings.ts';
import { world } from './fakeMachine.ts';

vi.mock('../../src/cli/commandMachine.ts', async (original) => {
  const { openMachine, withMachine } = await import('./fakeMachine.ts');
  return { ...(await original<object>()), openMachine, withMachine };
});
vi.mock('../../src/runs/provenance.ts', async (original) => ({
  ...(await original<object>()),
  gitCommit: () => 'c0ffee',
}));
vi.mock('../../src/model/transformer.ts', () => import('./fakeMachine.ts'));
vi.mock('../../src/grpo/trainer.ts', () => import('./fakeMachine.ts'));
vi.mock('../../src/pretrain/trainer.ts', () => import('./fakeMachine.ts'));

const CHECKPOINT = 'tests/fixtures/checkpoints/tiny_easy.pt';
const TASK = { operators: '+,-', maxDigits: 1, maxDepth: 1, evalSize: 12 };

let directory: string;
let out: string;
let said = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-training-'));
  out = join(directory, 'run');
  said = '';
  world.reset();
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(directory, { recursive: true });
});

const grpo = async (options: object = {}) => {
  const given = { checkpoint: CHECKPOINT, ...TASK, steps: 4, out, ...options };
  await runGrpo(...(await flagsAndTask(grpoFlags, given, 'other')));
};
const pretrain = async (options: object = {}) => {
  const given = { modelsize: 'tiny', ...TASK, steps: 2, out, ...options };
  await runPretraining(...(await flagsAndTask(pretrainFlags, given, 'pretraining')));
};
const resume = (flags: object = {}) => resumeRun(out, parseOptions(resumeFlags, flags));
const json = (name: string) => JSON.parse(readFileSync(join(out, name), 'utf8'));
const rows = () =>
  readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const models = () =>
  readdirSync(join(out, 'checkpoints'))
    .filter((name) => /^(rl_)?model_\w+\.safetensors$/.test(name))
    .map((name) => name.replace('.safetensors', ''))
    .sort();
/** The lines said, those that begin alike. */
const lines = (start: string) => said.split('\n').filter((line) => line.startsWith(start));

describe('train grpo', () => {
  it('evaluates, improves and evaluates again, and says so in order', async () => {
    await grpo();
    const order = [
      'Device: paper (a GPU of paper)',
      `Loading checkpoint from ${CHECKPOINT}`,
      'Model loaded: 2 layers, 32 dim, 128 hidden',
      `Run directory: ${out}`,
      'Baseline: 50.00% (6/12), ',
      'GRPO 4/4 steps, loss 0.2500, reward 0.5000',
      'Final: 100.00% (12/12), ',
      'Improvement: +50.00 points, ',
      `Saved final model to ${join(out, 'checkpoints', 'rl_model_final.safetensors')}`,
      'Took ',
    ];
    const places = order.map((line) => said.indexOf(line));
    expect(Math.min(...places), said).toBeGreaterThanOrEqual(0);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(said).not.toMatch(/warning|Metrics as CSV|Going on/);
    expect(world.held.size).toBe(2); // Model and sampler end with the machine, which is of paper.
  });

  it('writes down all that is needed to do it again', async () => {
    await grpo({ seed: 3, loss: 'dapo' });
    const config = json('config.json');
    expect(config).toMatchObject({
      ...{ kind: 'grpo', derived: { clipRatio: 0.2, clipRatioHigh: 0.28 }, checkpoint: CHECKPOINT },
      options: { checkpoint: resolve(CHECKPOINT), seed: 3, loss: 'dapo', steps: 4, operators: ['+', '-'] },
      ...{ model: { nLayers: 2, dModel: 32 }, evaluation: { problems: 12, maxNewTokens: 256 } },
      adapter: { name: 'paper', kind: 'software', description: 'a GPU of paper' },
      kernels: { 'matmul none K1 N1 M1': { variant: 'portable', source: '00000000' } },
      ...{ versions: { node: process.version }, gitCommit: 'c0ffee' },
    });
    expect(Date.parse(config.startedAt)).toBeGreaterThan(Date.now() - 60_000);
    expect(config).not.toHaveProperty('resumed');
    expect(config.options).not.toHaveProperty('trust');
    expect(json('summary.json')).toMatchObject({
      ...{ kind: 'grpo', seed: 3, interrupted: false, phases: { grpo: { steps: 4, tokens: 40 } } },
      ...{ baseline: { correct: 6 }, final: { correct: 12 }, adapter: { name: 'paper' } },
      kernels: { 'matmul none K1 N1 M1': 'portable' },
    });
    expect(readFileSync(join(out, 'evaluation.jsonl'), 'utf8').match(/\n/g)).toHaveLength(12);
    expect(rows().map(({ phase, step }) => [phase, step])).toEqual(
      [1, 2, 3, 4].map((step) => ['grpo', step]),
    );
    const { metadata } = loadCheckpoint(join(out, 'checkpoints', 'rl_model_final.safetensors'));
    expect(metadata.get('kind')).toBe('grpo');
    expect(metadata.get('seed')).toBe('3');
    expect(settingsOf(metadata, arithmeticTask.options)).toEqual({
      ...{ task: 'arithmetic', maxDigits: 1, maxDepth: 1, operators: ['+', '-'], maxNewTokens: 256 },
      ...{ evalSize: 12, temperature: 1, topK: 0, topP: 1, minP: 0 },
    });
  });

  it('hands the trainer the options, the task, the rewards and the sampler', async () => {
    await grpo({ reward: 'correctness,length:0.5', groupSize: 8, maxNewTokens: 99 });
    const [trainer] = world.trainers;
    expect(trainer?.options).toMatchObject({ groupSize: 8, lr: 1e-5, steps: 4 });
    expect(trainer?.parts).toMatchObject({
      task: { name: 'arithmetic', levels: ['digits_1_depth_1'] },
      rewards: [{ name: 'correctness' }, { name: 'length', weight: 0.5 }],
      sampler: { calls: [expect.objectContaining({ maxNewTokens: 99, temperature: 0 }), expect.anything()] },
    });
  });

  it('keeps the best checkpoint by the final evaluation too, and saves and evaluates at its intervals', async () => {
    await grpo({ saveInterval: 2, evalInterval: 3, keepLast: 1 });
    expect(lines('Step 3 Eval: 100.00% (12/12)')).toHaveLength(1);
    // The best was found at step 3; the end was no better.
    expect(json('summary.json').best).toMatchObject({ name: 'rl_model_step3', accuracy: 1 });
    expect(models()).toEqual(['rl_model_final', 'rl_model_step3', 'rl_model_step4']);
    rmSync(out, { recursive: true });
    await grpo({ saveInterval: 1, evalInterval: 0 });
    expect(json('summary.json').best).toMatchObject({ name: 'rl_model_step4', accuracy: 1 });
    expect(models()).toEqual(['final', 'step1', 'step2', 'step3', 'step4'].map((name) => `rl_model_${name}`));
  });

  it('refuses a top_k above the vocabulary before anything is opened', async () => {
    await expect(grpo({ topK: 58 })).rejects.toMatchObject({ code: 'BAD_OPTION', where: '--top_k' });
    expect(world.opened).toEqual([]);
    expect(existsSync(out)).toBe(false);
  });

  it('asks for the machine that the flags describe', async () => {
    await grpo({ memoryLimit: 3, adapter: 'paper', profile: join(directory, 'trace.json'), debug: true });
    const [{ flags, models: tuned } = { flags: {}, models: [] }] = world.opened;
    expect(flags).toMatchObject({ memoryLimit: 3 * 2 ** 20, adapter: 'paper', debug: true });
    expect(flags).toMatchObject({ earlierKernels: undefined, matmulPrecision: 'highest', tune: 'auto' });
    expect(tuned.map(({ nLayers }) => nLayers)).toEqual([2]);
  });

  it('prints the summary as one document under --json', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await grpo({ json: true });
    expect(JSON.parse(said)).toEqual({ directory: out, ...json('summary.json') });
  });

  it('logs to a CSV file and for TensorBoard where that is asked for', async () => {
    const csv = join(directory, 'metrics.csv');
    await grpo({ logCsv: csv, tensorboard: true });
    expect(readFileSync(csv, 'utf8').trimEnd().split('\n')).toHaveLength(1 + 4);
    expect(readdirSync(out)).toContain('tensorboard');
    rmSync(out, { recursive: true });
    await grpo();
    expect(readdirSync(out)).not.toContain('tensorboard');
    expect(readdirSync(out)).not.toContain('csv.json');
  });
});

describe('train pretrain', () => {
  it('makes a new model, whose answers it does not ask for at the beginning', async () => {
    await pretrain({ numExperts: 4, activeExperts: 2, seed: 5 });
    expect(lines('Model created: 2 layers, 32 dim, 128 hidden, ')).toHaveLength(1);
    expect(said).not.toMatch(/Loading checkpoint|Baseline|Improvement/);
    expect(lines('Final: 100.00% (12/12), ')).toHaveLength(1);
    expect(models()).toEqual(['model_step1', 'model_step2']);
    expect(json('config.json')).toMatchObject({
      ...{ kind: 'pretrain', checkpoint: null, model: { numExperts: 4, activeExperts: 2 } },
      evaluation: { problems: 12, maxNewTokens: 256 },
    });
    expect(json('summary.json')).toMatchObject({
      baseline: null,
      seed: 5,
      phases: { pretrain: { steps: 4 } },
    });
    const { metadata } = loadCheckpoint(join(out, 'checkpoints', 'model_step2.safetensors'));
    expect(settingsOf(metadata, arithmeticTask.options)).toEqual({
      ...{ task: 'arithmetic', maxDigits: 1, maxDepth: 1, operators: ['+', '-'] },
      ...{ maxNewTokens: 256, evalSize: 12 },
    });
    expect(world.trainers[0]?.parts).toMatchObject({ task: { name: 'arithmetic' } });
  });

  it('begins from a checkpoint, which it evaluates first', async () => {
    await pretrain({ checkpoint: CHECKPOINT, modelsize: undefined, stepEval: true });
    expect(lines(`Loading checkpoint from ${CHECKPOINT}`)).toHaveLength(1);
    expect(lines('Model loaded: 2 layers, 32 dim')).toHaveLength(1);
    expect(lines('Baseline: 50.00% (6/12)')).toHaveLength(1);
    expect(lines('Step 1 Eval: 100.00% (12/12)')).toHaveLength(1);
    expect(json('summary.json').improvement).toMatchObject({ onlyFirst: 0, onlySecond: 6 });
  });

  it('trains on another task, and says where that has fewer problems than were asked for', async () => {
    await pretrain({ task: 'sort', maxDigits: 1 });
    expect(lines('There are only ')).toHaveLength(1);
    expect(said.indexOf('There are only')).toBeLessThan(said.indexOf('Model created'));
    expect(world.trainers[0]).toMatchObject({
      parts: { task: { name: 'sort' } },
      model: { config: { vocabSize: 14 } },
    });
    expect(json('config.json').options.task).toBe('sort');
    const { metadata } = loadCheckpoint(join(out, 'checkpoints', 'model_step2.safetensors'));
    expect(settingsOf(metadata, arithmeticTask.options)).toMatchObject({ task: 'sort', maxDigits: 1 });
  });

  it('saves within a pass where that is asked for', async () => {
    const seen: string[][] = [];
    world.onStep = () => void seen.push(models());
    await pretrain({ saveInterval: 1 });
    expect(seen.map((each) => each.at(-1))).toEqual(
      ['update0', 'update1', 'step1', 'update3'].map((name) => `model_${name}`),
    );
    expect(models()).toEqual(['model_step1', 'model_step2']);
  });
});

describe('train', () => {
  const SMALL = {
    pretrain: { steps: 1, batchSize: 32, numExamples: 64 },
    grpo: { steps: 2, maxNewTokens: 16 },
  };
  const pipeline = (flags: object = {}, sections: Parameters<typeof runPipeline>[1] = SMALL) =>
    runPipeline(parseOptions(pipelineFlags, { out, ...flags }), sections);

  it('pretrains a tiny model and improves it, with one seed and the sections of a file over its settings', async () => {
    await pipeline({ seed: 9 });
    expect(world.trainers.map(({ options }) => options)).toMatchObject([
      { seed: 9, batchSize: 32, numExamples: 64, scheduler: 'none' },
      { seed: 9, steps: 2, maxNewTokens: 16, groupSize: 8 },
    ]);
    expect(json('config.json')).toMatchObject({
      ...{
        kind: 'pipeline',
        derived: { grpo: { clipRatio: 0.2 } },
        evaluation: { problems: 1000, maxNewTokens: 16 },
      },
      options: { seed: 9, pretrain: { numExamples: 64, lr: 1e-2 }, grpo: { steps: 2, klCoef: 0.02 } },
    });
    expect(rows().map(({ phase, step }) => `${phase} ${step}`)).toEqual([
      ...['pretrain 1', 'pretrain 2', 'grpo 1', 'grpo 2'],
    ]);
    expect(said.indexOf('Pretraining 2/2')).toBeLessThan(said.indexOf('Baseline: '));
    expect(said.indexOf('Baseline: ')).toBeLessThan(said.indexOf('GRPO 2/2'));
    expect(Object.keys(json('summary.json').phases)).toEqual(['pretrain', 'grpo']);
    for (const name of ['baseline', 'final']) expect(readdirSync(out)).toContain(`${name}_completions.jsonl`);
    expect(world.trainers[1]?.parts).toMatchObject({ sampler: { calls: expect.any(Array) } });
    const { metadata } = loadCheckpoint(join(out, 'checkpoints', 'rl_model_final.safetensors'));
    expect(settingsOf(metadata, arithmeticTask.options)).toMatchObject({
      task: 'arithmetic',
      maxDepth: 2,
      maxNewTokens: 16,
      topK: 0,
    });
  });

  it('that is stopped in pretraining evaluates nothing and goes on there', async () => {
    world.onStep = () => void process.emit('SIGTERM', 'SIGTERM');
    await pipeline();
    expect(process.exitCode).toBe(143);
    expect(json('summary.json')).toMatchObject({ interrupted: true, baseline: null, final: null });
    expect(Object.keys(json('summary.json').phases)).toEqual(['pretrain']);
    world.reset();
    await resume({ steps: 3 });
    expect(world.trainers).toHaveLength(2);
    expect(rows().map(({ phase, step }) => `${phase} ${step}`)).toEqual([
      ...['pretrain 1', 'pretrain 2', 'grpo 1', 'grpo 2', 'grpo 3'],
    ]);
  });

  it('evaluates nothing between passes of pretraining', async () => {
    await pipeline({}, { ...SMALL, pretrain: { ...SMALL.pretrain, steps: 2 } });
    expect(lines('Pretraining 4/4')).toHaveLength(1);
    expect(lines('Step ')).toEqual([]);
  });

  it('says what to change in a --config, as it has no flags for it', async () => {
    world.metrics = { kl: 5 };
    await pipeline();
    expect(lines('warning: step 1: ')[0]).toContain('(in a --config: grpo.lr, ');
    rmSync(out, { recursive: true });
    const failing = (where: string) => {
      world.onStep = () => {
        throw new MathformerError('no memory', { code: 'OUT_OF_MEMORY', where, fix: '' });
      };
      const run = pipeline({ out: join(directory, where) });
      return expect(run).rejects;
    };
    await failing('matmul').toMatchObject({
      fix: expect.stringMatching(/^lower batchSize, .* in a --config$/),
    });
    await failing('sampler').toMatchObject({ fix: 'lower grpo.maxNewTokens in a --config' });
  });

  it('that is resumed in GRPO neither pretrains nor evaluates the baseline again', async () => {
    await pipeline();
    const before = json('summary.json');
    const { options } = json('config.json');
    world.reset();
    await resume({ steps: 3, microBatchTokens: 128 });
    expect(json('config.json').options).toEqual({
      ...options,
      grpo: { ...options.grpo, steps: 3, microBatchTokens: 128 },
    });
    expect(world.trainers).toHaveLength(1);
    expect(world.trainers[0]?.options).toMatchObject({ steps: 3, microBatchTokens: 128 });
    expect(json('summary.json')).toMatchObject({
      baseline: before.baseline,
      phases: { pretrain: before.phases.pretrain, grpo: { steps: 3 } },
    });
  });

  it.each([
    [{ pretrain: { lr: -1 } }, '--lr'],
    [{ grpo: { groupSize: 1 } }, '--group_size'],
    [{ grpo: { topK: 58 } }, '--top_k'],
  ])('refuses %j before anything is opened', async (sections, where) => {
    await expect(pipeline({}, sections)).rejects.toMatchObject({ code: 'BAD_OPTION', where });
    expect(world.opened).toEqual([]);
  });
});

describe('a training that is asked to stop', () => {
  it('finishes the step, saves, and goes on later as if nothing had been', async () => {
    world.onStep = (_, step) => {
      if (step === 2) process.emit('SIGINT', 'SIGINT');
    };
    await grpo({ logCsv: join(out, '..', 'metrics.csv') });
    expect(lines('Stopping after this step; once more quits at once')).toHaveLength(1);
    expect(process.exitCode).toBe(130);
    expect(models()).toEqual(['rl_model_step2']);
    expect(json('summary.json')).toMatchObject({
      interrupted: true,
      final: null,
      phases: { grpo: { steps: 2 } },
    });
    said = '';
    process.exitCode = undefined;
    const began = json('config.json');
    world.reset();
    await resume();
    expect(lines('Going on from rl_model_step2 (2 layers, ')).toHaveLength(1);
    expect(lines('Metrics as CSV: ')).toHaveLength(1);
    expect(lines('Loading checkpoint')).toEqual([]);
    expect(rows().map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(process.exitCode).toBeUndefined();
    const config = json('config.json');
    const { resumed, ...rest } = config;
    expect(rest).toEqual(began);
    expect(resumed).toMatchObject([{ step: 2, adapter: began.adapter, versions: began.versions }]);
    expect(Date.parse(resumed[0].at)).toBeGreaterThanOrEqual(Date.parse(began.startedAt));
    expect(json('summary.json')).toMatchObject({ interrupted: false, phases: { grpo: { steps: 4 } } });
    // With the kernels that it began with.
    const { earlierKernels } = world.opened[0]?.flags ?? {};
    expect(earlierKernels).toEqual({ adapter: 'a GPU of paper', choices: began.kernels });
  });

  it('before its first step has nothing to go on from but its beginning', async () => {
    const stop = vi.spyOn(process, 'on');
    stop.mockImplementation(function (this: typeof process, event, listener) {
      stop.mockRestore();
      process.on(event, listener);
      if (event === 'SIGINT') process.emit('SIGINT', 'SIGINT');
      return this;
    });
    await grpo();
    expect(said).not.toMatch(/Baseline|GRPO \d/);
    expect(lines('Interrupted before the first step')).toHaveLength(1);
    expect(lines('Go on with: ')[0]).toContain(`resume ${out}`);
    world.reset();
    await resume();
    expect(lines('Going on from rl_model_step0 ')).toHaveLength(1);
    expect(json('summary.json')).toMatchObject({ baseline: { correct: 6 }, phases: { grpo: { steps: 4 } } });
  });
});

describe('train resume', () => {
  it('takes a run of an earlier version, which called the longest answer otherwise', async () => {
    await grpo({ maxNewTokens: 24 });
    const { options, ...config } = json('config.json');
    const { maxNewTokens, ...rest } = options;
    writeFileSync(
      join(out, 'config.json'),
      JSON.stringify({ ...config, options: { ...rest, maxGenLen: maxNewTokens } }),
    );
    await resume({ steps: 5 });
    expect(world.trainers.at(-1)?.options).toMatchObject({ steps: 5, maxNewTokens: 24 });
    expect(json('config.json').options).not.toHaveProperty('maxGenLen');
  });

  it('takes more steps, other flags of its own, and drops the trace of before', async () => {
    await grpo({ profile: join(directory, 'trace.json') });
    await resume({ steps: 6, microBatchTokens: 96, adapter: 'other', tensorboard: false });
    expect(world.trainers.at(-1)?.options).toMatchObject({ steps: 6, microBatchTokens: 96 });
    expect(world.opened.at(-1)?.flags.adapter).toBe('other');
    expect(world.opened.at(-1)?.flags.profile).toBeUndefined();
    expect(json('config.json')).toMatchObject({
      options: { steps: 6, adapter: 'other' },
      resumed: [{ step: 4 }],
    });
    await resume({ steps: 7 });
    expect(json('config.json').resumed.map(({ step }: { step: number }) => step)).toEqual([4, 6]);
  });

  it('has nothing to do where all steps are taken', async () => {
    await grpo();
    said = '';
    await resume();
    expect(lines('GRPO: all 4 steps are taken; --steps can give more')).toHaveLength(1);
    expect(lines('Metrics as CSV')).toEqual([]);
    expect(rows()).toHaveLength(4);
  });

  it('takes the verdicts on the baseline that are kept, unless some are missing', async () => {
    await grpo();
    const path = join(out, 'baseline_completions.jsonl');
    const kept = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(kept).toHaveLength(12);
    // Of the six right ones, every second of the twelve, four are spoilt.
    const spoilt = kept.with(0, 'null').with(2, '"correct"').with(4, '{}').with(6, '{"verdict":"wrong"}');
    writeFileSync(path, spoilt.join('\n'));
    await resume({ steps: 5 });
    expect(json('summary.json').baseline.correct).toBe(2);
    writeFileSync(path, kept.slice(1).join('\n'));
    await resume({ steps: 6 });
    expect(json('summary.json').baseline.correct).toBe(6);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toEqual(kept);
  });

  it('takes passes of pretraining', async () => {
    await pretrain();
    await resume({ steps: 3 });
    expect(rows().map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(models()).toEqual(['model_step1', 'model_step2', 'model_step3']);
  });

  it('warns where the adapter or a version is another one', async () => {
    await grpo();
    const config = json('config.json');
    const former = { ...config, versions: { ...config.versions, node: 'v0', 'old\n': '1' } };
    writeFileSync(join(out, 'config.json'), JSON.stringify(former));
    world.description = 'a GPU of stone';
    said = '';
    await resume({ steps: 5 });
    const bits = '; from here on the bits may differ from those of an unbroken run';
    expect(lines('warning: ')).toEqual([
      `warning: node was v0 and is ${process.version}${bits}`,
      `warning: adapter was a GPU of paper and is a GPU of stone${bits}`,
    ]);
  });

  it('says nothing of versions that were not written down', async () => {
    await grpo();
    const { versions: _, adapter: __, kernels: ___, ...config } = json('config.json');
    writeFileSync(join(out, 'config.json'), JSON.stringify(config));
    said = '';
    await resume({ steps: 5 });
    expect(lines('warning: ')).toEqual([]);
    expect(world.opened.at(-1)?.flags.earlierKernels).toBeUndefined();
  });

  it('goes back to the checkpoint before one that is damaged, and forgets what came after', async () => {
    await grpo({ saveInterval: 1 });
    writeFileSync(join(out, 'checkpoints', 'rl_model_step4.safetensors'), 'torn');
    said = '';
    await resume();
    expect(lines('warning: ')[0]).toMatch(/rl_model_step4.*; going back to the checkpoint before it$/);
    expect(lines('Going on from rl_model_step3 ')).toHaveLength(1);
    expect(rows().map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(new Checkpoints(join(out, 'checkpoints')).entries.at(-1)?.name).toBe('rl_model_step4');
  });

  it('begins a run again that has no checkpoint yet', async () => {
    await grpo();
    rmSync(join(out, 'checkpoints'), { recursive: true });
    for (const name of ['metrics.jsonl', 'summary.json', 'final_completions.jsonl']) rmSync(join(out, name));
    said = '';
    await resume();
    expect(lines(`Beginning again: ${out} has no checkpoint yet (2 layers, `)).toHaveLength(1);
    expect(rows()).toHaveLength(4);
    expect(json('config.json').resumed).toMatchObject([{ step: 0 }]);
  });

  it('continues its CSV file, begins another one, or ends it', async () => {
    const [first, second] = ['first.csv', 'second.csv'].map((name) => join(directory, name));
    const count = (path = '') => readFileSync(path, 'utf8').trimEnd().split('\n').length;
    await grpo({ logCsv: first });
    await resume({ steps: 5 });
    expect(count(first)).toBe(1 + 5);
    await resume({ steps: 6, logCsv: second });
    expect([count(first), count(second)]).toEqual([1 + 5, 1 + 6]);
    said = '';
    await resume({ steps: 7, logCsv: '' });
    expect([count(second), said.includes('Metrics as CSV')]).toEqual([1 + 6, false]);
  });

  it('continues a CSV file whose place was not written down beside the metrics', async () => {
    await grpo({ logCsv: join(directory, 'first.csv') });
    rmSync(join(out, 'csv.json'));
    said = '';
    await resume({ steps: 5 });
    expect(lines('Metrics as CSV: ')).toEqual([`Metrics as CSV: ${join(out, 'metrics.csv')}`]);
  });

  it('evaluates the final model again, whatever was answered before', async () => {
    await grpo();
    const path = join(out, 'final_completions.jsonl');
    writeFileSync(path, '{}\n'.repeat(12));
    await resume({ steps: 5 });
    expect(json('summary.json').final.correct).toBe(12);
  });

  it('advises by its own flags', async () => {
    await grpo();
    await pretrain({ out: `${out}2` });
    world.metrics = { kl: 5 };
    said = '';
    await resume({ steps: 5 });
    expect(lines('warning: step 5: ')[0]).toMatch(/ — lower --lr, .*\(--lr and .*: of \S+ \S+ \S+ grpo\)$/);
    said = '';
    rmSync(out, { recursive: true });
    await grpo();
    expect(lines('warning: step 1: ')[0]).toMatch(/ — lower --lr, /);
    expect(lines('warning: step 1: ')[0]).not.toContain('grpo)');
  });

  it('runs no module that the config names, unless it is trusted', async () => {
    await grpo();
    const config = json('config.json');
    const options = { ...config.options, reward: [join(directory, 'mine.mjs')], trust: true };
    writeFileSync(join(out, 'config.json'), JSON.stringify({ ...config, options }));
    await expect(resume()).rejects.toMatchObject({
      where: '--trust',
      message: expect.stringContaining(`${join(out, 'config.json')} names `),
    });
    writeFileSync(join(directory, 'mine.mjs'), 'export default () => 1;');
    await resume({ trust: true, steps: 5 });
    expect(json('config.json').options).not.toHaveProperty('trust');
  });

  it('refuses a config whose sections are none', async () => {
    writeFileSync(join(directory, 'config.json'), '{"kind": "pipeline", "options": {"grpo": 5, "out": 5}}');
    await expect(resumeRun(directory, parseOptions(resumeFlags, {}))).rejects.toMatchObject({
      where: '--out',
    });
  });
});

describe('a fault', () => {
  const lost = () =>
    new MathformerError('the device was lost', { code: 'DEVICE_LOST', where: 'gpu', fix: '' });
  const noMemory = (where = 'matmul') =>
    new MathformerError('no memory', { code: 'OUT_OF_MEMORY', where, fix: 'buy some' });

  it('that is a lost device is mended from the last checkpoint', async () => {
    let times = 0;
    world.onStep = ({ model }, step) => {
      if (step !== 3 || times++ > 0) return;
      model.device.isLost = true;
      throw lost();
    };
    await grpo({ saveInterval: 1 });
    expect(lines('warning: ')).toEqual([
      'warning: the device was lost; opening another one and going on from the last checkpoint',
    ]);
    expect(lines('Going on from rl_model_step2 ')).toHaveLength(1);
    expect(world.opened).toHaveLength(2);
    expect(rows().map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(json('config.json').resumed).toMatchObject([{ step: 2 }]);
  });

  it('that comes again and again at the same step is given up', async () => {
    world.onStep = ({ model }, step) => {
      if (step < 3) return;
      model.device.isLost = true;
      throw lost();
    };
    await expect(grpo({ saveInterval: 1 })).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    // One that did two steps, one that went on from there, and three that came no further.
    expect(world.opened).toHaveLength(5);
    expect(existsSync(join(out, 'lock'))).toBe(false);
    expect(world.held.size).toBe(10); // Models and samplers of five machines; no trainer.
  });

  it('before there is a run is none to go on from', async () => {
    writeFileSync(out, '');
    await expect(grpo()).rejects.toMatchObject({ where: out });
    expect(world.opened).toHaveLength(1);
  });

  it('of memory lowers the micro-batch where that is allowed, down to 64', async () => {
    world.onStep = ({ options }, step) => {
      if (step === 2 && Number(options.microBatchTokens) > 64) throw noMemory();
    };
    await grpo({ autoMicroBatch: true, microBatchTokens: 300, saveInterval: 1 });
    expect(lines('warning: ').map((line) => /with (.*)$/.exec(line)?.[1])).toEqual([
      ...['--micro_batch_tokens 150', '--micro_batch_tokens 75', '--micro_batch_tokens 64'],
    ]);
    expect(json('config.json').options.microBatchTokens).toBe(64);
    rmSync(out, { recursive: true });
    world.onStep = () => {
      throw noMemory();
    };
    const failing = grpo({ autoMicroBatch: true, microBatchTokens: 64 });
    await expect(failing).rejects.toMatchObject({
      fix: expect.stringMatching(/^lower --micro_batch_tokens \(now 64\)/),
    });
  });

  it.each([
    [
      'a step of GRPO',
      'matmul',
      () => grpo(),
      /^lower --micro_batch_tokens \(now \d+\) or give --auto_micro_batch; .*--batch_size \(now 32\).*--max_gen_len$/,
    ],
    [
      'a sequence of GRPO',
      'sampler',
      () => grpo({ memoryLimit: 5 }),
      /^lower --max_gen_len \(now 256\), or raise --memory_limit \(now 5\)$/,
    ],
    [
      'a step of pretraining',
      'matmul',
      () => pretrain(),
      /^lower --batch_size \(now 128\), or take a smaller --modelsize$/,
    ],
    ['one example', 'matmul', () => pretrain({ batchSize: 1 }), /^take a smaller --modelsize$/],
    ['an answer in pretraining', 'sampler', () => pretrain({ batchSize: 2 }), /^take a smaller --modelsize$/],
  ] as const)('of memory in %s says what to lower', async (_, where, train, fix) => {
    world.onStep = () => {
      throw noMemory(where);
    };
    await expect(train()).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      where,
      fix: expect.stringMatching(fix),
    });
  });

  it('of the trainer frees it, and ends the run with its lock', async () => {
    world.onStep = () => {
      throw new Error('out of ideas');
    };
    await expect(grpo()).rejects.toThrow('out of ideas');
    await expect(pretrain({ out: `${out}2` })).rejects.toThrow('out of ideas');
    expect(world.held.size).toBe(4);
    expect(existsSync(join(out, 'lock'))).toBe(false);
  });
});
