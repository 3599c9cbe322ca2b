/** Sessions as a library: in memory, on disk, stopped and resumed, with events that a page could draw. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { builtInReward, type RewardedCompletion } from '../../src/grpo/reward.ts';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { loadCheckpoint } from '../../src/runs/checkpointFile.ts';
import { DiskStore } from '../../src/runs/diskStore.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { countdown } from '../../src/tasks/countdown/task.ts';
import type { TrainingEvent } from '../../src/training/events.ts';
import { trainGrpo } from '../../src/training/grpo.ts';
import { machineOf } from '../../src/training/machine.ts';
import { MemoryStore } from '../../src/training/memoryStore.ts';
import { pipeline } from '../../src/training/pipeline.ts';
import { pretrain } from '../../src/training/pretrain.ts';
import { resume } from '../../src/training/resume.ts';
import type { RunConfig } from '../../src/training/runConfig.ts';
import { rowsOf } from '../../src/training/runRows.ts';
import type { SessionContext } from '../../src/training/session.ts';
import type { Store } from '../../src/training/store.ts';
import { readTrace, traceFile } from '../../src/training/trace.ts';
import { openDevice } from '../device.ts';

const directory = mkdtempSync(join(tmpdir(), 'mathformer-sessions-'));
afterAll(() => rmSync(directory, { recursive: true }));

const PROBLEMS = { maxDigits: 1, maxDepth: 1, operators: '+,-' };
const task = arithmetic(PROBLEMS);
const model = () => loadCheckpoint('tests/fixtures/checkpoints/tiny_easy.pt');
const newModel = () => {
  const config = modelConfig('tiny', { vocabSize: task.tokenizer.vocabSize, nLayers: 1 });
  return { config, stateDict: initialStateDict(config, 3), metadata: new Map<string, string>() };
};
const SMALL = { steps: 3, batchSize: 4, groupSize: 4, maxNewTokens: 12, lr: 1e-3 };
const GRPO = {
  ...{ task, model, evalSize: 8, grpo: grpoOptions(SMALL), evalInterval: 2 },
  taskSettings: { task: 'arithmetic', ...PROBLEMS, operators: ['+', '-'] },
};

/** Everything but the store; events are collected. */
function surroundings(store: Store, onEvent: (event: TrainingEvent) => void = () => undefined) {
  const events: TrainingEvent[] = [];
  const context: SessionContext = {
    store,
    openMachine: async () => machineOf(await openDevice()),
    on: (event) => {
      events.push(structuredClone(event));
      onEvent(event);
    },
  };
  return { context, events };
}

const weightsOf = ({ files }: MemoryStore) => files.read('checkpoints/rl_model_final.safetensors');
const tracesOf = ({ files }: MemoryStore) => {
  const names = files.list().map(({ name }) => name);
  return names.filter((name) => name.startsWith('trace/')).map((name) => [name, files.read(name)]);
};
const entriesOf = async (store: MemoryStore) =>
  JSON.parse((await store.readText('checkpoints/manifest.json')) ?? '{}').checkpoints.map(
    ({ name, temporary }: { readonly name: string; readonly temporary: boolean }) => [name, temporary],
  );
const filesBelow = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .map((path) => ({ name: relative(root, path), bytes: new Uint8Array(readFileSync(path)) }));
const rowsIn = ({ files }: MemoryStore) => rowsOf(files.read('metrics.jsonl') ?? new Uint8Array()).rows;
const withoutTime = (store: MemoryStore) => rowsIn(store).map((row) => ({ ...row, step_time: 0 }));

describe('trainGrpo', () => {
  const whole = new MemoryStore();

  it('trains in memory and tells the story in order', async () => {
    const { context, events } = surroundings(whole);
    const summary = await trainGrpo(GRPO, context);
    const types = events.map(({ type }) => type).filter((type) => !/evaluating|warning/.test(type));
    expect(types).toEqual([
      ...['machine', 'model', 'run', 'evaluation', 'checkpoint', 'phase'],
      ...['step', 'trace', 'row', 'step', 'samples', 'evaluation', 'row', 'checkpoint'],
      ...['step', 'trace', 'row', 'checkpoint', 'samples', 'evaluation', 'end'],
    ]);
    expect(summary).toMatchObject({ kind: 'grpo', interrupted: false, phases: { grpo: { steps: 3 } } });
    expect(rowsIn(whole).map(({ phase, step }) => [phase, step])).toEqual(
      [1, 2, 3].map((step) => ['grpo', step]),
    );
    expect(rowsIn(whole).map((row) => typeof row.eval_accuracy)).toEqual(['object', 'number', 'object']);
    const names = whole.files.list().map(({ name }) => name);
    expect(names.filter((name) => !name.startsWith('checkpoints/'))).toEqual([
      ...['baseline_completions.jsonl', 'config.json', 'eval_step2_completions.jsonl', 'evaluation.jsonl'],
      ...['final_completions.jsonl', 'metrics.jsonl', 'samples_step2.jsonl', 'samples_step3.jsonl'],
      ...['summary.json', 'trace/step1.safetensors', 'trace/step3.safetensors'],
    ]);
    expect(JSON.parse((await whole.readText('summary.json')) ?? '')).toEqual(
      JSON.parse(JSON.stringify(summary)),
    );
  });

  it('stops after the step when its signal says so, and resumes to the same bits', async () => {
    const store = new MemoryStore();
    const stopping = new AbortController();
    const { context } = surroundings(store, (event) => {
      if (event.type === 'step' && event.step === 1) stopping.abort();
    });
    const summary = await trainGrpo(GRPO, { ...context, signal: stopping.signal });
    expect(summary).toMatchObject({ interrupted: true, final: null, phases: { grpo: { steps: 1 } } });
    const { context: later, events } = surroundings(store);
    // The config names the task, which is built in.
    await resume({ model }, later);
    expect(events.find(({ type }) => type === 'model')).toMatchObject({
      origin: { kind: 'resumed', name: 'rl_model_step1' },
    });
    expect(withoutTime(store)).toEqual(withoutTime(whole));
    expect(weightsOf(store)).toEqual(weightsOf(whole));
    expect(tracesOf(store)).toEqual(tracesOf(whole));
    expect((await store.config())?.resumed).toMatchObject([{ step: 1 }]);
  });

  it('saves a checkpoint when one is wanted, from which a page that is gone resumes to the same bits', async () => {
    const store = new MemoryStore();
    class Gone extends Error {}
    const { context } = surroundings(store, (event) => {
      if (event.type === 'checkpoint' && event.step === 1) throw new Gone();
    });
    let isWanted = false;
    const on = async (event: TrainingEvent): Promise<void> => {
      isWanted ||= event.type === 'step';
      await context.on?.(event);
    };
    await expect(trainGrpo(GRPO, { ...context, on, wantsCheckpoint: () => isWanted })).rejects.toThrow(Gone);
    expect(await entriesOf(store)).toEqual([['rl_model_step1', true]]);
    await resume({ model }, surroundings(store).context);
    expect(withoutTime(store)).toEqual(withoutTime(whole));
    expect(weightsOf(store)).toEqual(weightsOf(whole));
    expect(tracesOf(store)).toEqual(tracesOf(whole));
    // It goes when the next one is saved.
    expect(await entriesOf(store)).toEqual(await entriesOf(whole));
  });

  it('trains to the same bits without traces', async () => {
    const store = new MemoryStore();
    await trainGrpo({ ...GRPO, traceGroups: 0 }, surroundings(store).context);
    expect(tracesOf(store)).toEqual([]);
    expect(weightsOf(store)).toEqual(weightsOf(whole));
  });

  it('resumes a run whose config knows nothing of traces', async () => {
    const store = new MemoryStore();
    const recorded = grpoOptions({ ...SMALL, steps: 1 });
    await trainGrpo({ ...GRPO, grpo: recorded, recorded }, surroundings(store).context);
    await resume({ task, model, steps: 2 }, surroundings(store).context);
    expect(tracesOf(store).map(([name]) => name)).toEqual([1, 2].map(traceFile));
  });

  it('recovers from a lost device, with the same bits', async () => {
    const store = new MemoryStore();
    const devices: Device[] = [];
    const { context, events } = surroundings(store, (event) => {
      if (event.type === 'row' && event.row.step === 2 && devices.length === 1) devices[0]?.gpu.destroy();
    });
    const openMachine = async () => {
      const device = await openDevice();
      devices.push(device);
      return machineOf(device);
    };
    await trainGrpo({ ...GRPO, saveInterval: 1 }, { ...context, openMachine });
    expect(devices).toHaveLength(2);
    expect(events.filter(({ type }) => type === 'recovery')).toHaveLength(1);
    expect(withoutTime(store)).toEqual(withoutTime(whole));
    expect(weightsOf(store)).toEqual(weightsOf(whole));
  });

  it('keeps on disk what it keeps in memory', async () => {
    const out = join(directory, 'run');
    const rewards = [builtInReward('correctness', task)];
    const { context } = surroundings(new DiskStore({ directory: out }));
    await trainGrpo({ ...GRPO, rewards }, context);
    const bytes = readFileSync(join(out, 'checkpoints', 'rl_model_final.safetensors'));
    expect(new Uint8Array(bytes)).toEqual(weightsOf(whole));
    for (const name of ['evaluation.jsonl', 'final_completions.jsonl', 'samples_step3.jsonl']) {
      expect(readFileSync(join(out, name), 'utf8')).toBe(await whole.readText(name));
    }
    const trace = new Uint8Array(readFileSync(join(out, traceFile(3))));
    expect(trace).toEqual(whole.files.read(traceFile(3)));
    expect(readTrace(trace, traceFile(3))).toMatchObject({ step: 3, loss: 'grpo', groups: [{}, {}] });
  });

  it.each(['memory', 'disk'])('stops, and resumes elsewhere to the same bits: begun in %s', async (begun) => {
    const out = join(directory, `begun-in-${begun}`);
    const memory = new MemoryStore();
    const disk = (config?: RunConfig) => new DiskStore({ directory: out, resume: config });
    const stopping = new AbortController();
    const { context } = surroundings(begun === 'memory' ? memory : disk(), (event) => {
      if (event.type === 'step' && event.step === 2) stopping.abort();
    });
    await trainGrpo(GRPO, { ...context, signal: stopping.signal });
    if (begun === 'memory') {
      for (const { name } of memory.files.list()) {
        mkdirSync(dirname(join(out, name)), { recursive: true });
        writeFileSync(join(out, name), memory.files.read(name) ?? '');
      }
    } else {
      for (const { name, bytes } of filesBelow(out)) memory.files.write(name, bytes);
    }
    const config = await memory.config();
    const { context: later } = surroundings(begun === 'memory' ? disk(config) : memory);
    await resume({ model }, later);
    if (begun === 'memory') for (const { name, bytes } of filesBelow(out)) memory.files.write(name, bytes);
    expect(withoutTime(memory)).toEqual(withoutTime(whole));
    expect(weightsOf(memory)).toEqual(weightsOf(whole));
    expect(memory.files.list().map(({ name }) => name)).toEqual(
      expect.arrayContaining(whole.files.list().map(({ name }) => name)),
    );
  });

  it('waits for a listener that takes its time, at the end too', async () => {
    const { context } = surroundings(new MemoryStore());
    const story: string[] = [];
    const on = async ({ type }: TrainingEvent): Promise<void> => {
      if (type !== 'step' && type !== 'end') return;
      story.push(type);
      await new Promise((resolve) => setTimeout(resolve, 5));
      story.push('heard');
    };
    const openMachine = async () => {
      const machine = machineOf(await openDevice());
      const dispose = async (): Promise<void> => {
        story.push('machine closed');
        await machine[Symbol.asyncDispose]();
      };
      return { ...machine, [Symbol.asyncDispose]: dispose };
    };
    await trainGrpo({ ...GRPO, evalInterval: 0 }, { ...context, on, openMachine });
    const steps = Array.from({ length: 3 }, () => ['step', 'heard']).flat();
    expect(story).toEqual([...steps, 'end', 'heard', 'machine closed']);
  });
});

describe('trainGrpo on completions of earlier policies', () => {
  const stale = (staleness: number, more: object = {}) => ({
    ...GRPO,
    grpo: grpoOptions({ ...SMALL, steps: 4, staleness, curriculum: true, dynamicSampling: true, ...more }),
    evalInterval: 0,
    saveInterval: 1,
  });
  /** A reward that changes with the completion, whatever the answer. */
  const rewards = [
    { name: 'length', reward: (_: unknown, { tokens }: RewardedCompletion) => tokens.length % 3 },
  ];
  const recordedOf = (options: ReturnType<typeof stale>) => ({
    ...{ task: 'arithmetic', ...PROBLEMS, operators: ['+', '-'] },
    ...{ ...options.grpo, reward: 'length.ts', evalInterval: 0, saveInterval: 1 },
  });

  it.each([1, 2])('staleness %i: stopped after any step, it resumes to the same bits', async (staleness) => {
    const options = stale(staleness, { dynamicSamplingMetric: 'reward' });
    const recorded = recordedOf(options);
    const whole = new MemoryStore();
    await trainGrpo({ ...options, recorded, rewards }, surroundings(whole).context);
    expect(new Set(rowsIn(whole).map((row) => row.grad_norm)).size).toBe(4);
    for (const stop of [1, 3]) {
      const store = new MemoryStore();
      const stopping = new AbortController();
      const { context } = surroundings(store, (event) => {
        if (event.type === 'step' && event.step === stop) stopping.abort();
      });
      await trainGrpo({ ...options, recorded, rewards }, { ...context, signal: stopping.signal });
      await resume({ model, rewards }, surroundings(store).context);
      expect(withoutTime(store)).toEqual(withoutTime(whole));
      expect(weightsOf(store)).toEqual(weightsOf(whole));
      expect(tracesOf(store)).toEqual(tracesOf(whole));
    }
  });

  it('keeps the versions on disk, those of equal weights once, and removes them with their checkpoints', async () => {
    const out = join(directory, 'stale');
    const options = { ...stale(2), keepLast: 1 };
    const { context } = surroundings(new DiskStore({ directory: out }));
    await trainGrpo({ ...options, rewards, recorded: recordedOf(options) }, context);
    const versions = readdirSync(join(out, 'checkpoints')).filter((name) => name.startsWith('version-'));
    const saved = JSON.parse(readFileSync(join(out, 'checkpoints', 'rl_model_step4.json'), 'utf8'));
    expect(saved.versions).toHaveLength(2);
    expect(versions.sort()).toEqual([...saved.versions].sort());
    const more = { model, rewards, steps: 6 };
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    await resume(more, surroundings(new DiskStore({ directory: out, resume: config })).context);
    const memory = new MemoryStore();
    const longer = stale(2, { steps: 6 });
    await trainGrpo({ ...longer, rewards, recorded: recordedOf(longer) }, surroundings(memory).context);
    const bytes = readFileSync(join(out, 'checkpoints', 'rl_model_final.safetensors'));
    expect(new Uint8Array(bytes)).toEqual(weightsOf(memory));
  });

  it('recovers from a lost device while a rollout is drawn, with the same bits', async () => {
    const run = async (loses: boolean): Promise<MemoryStore> => {
      const store = new MemoryStore();
      const devices: Device[] = [];
      const { context } = surroundings(store, (event) => {
        if (loses && event.type === 'step' && event.step === 2 && devices.length === 1) {
          devices[0]?.gpu.destroy();
        }
      });
      const openMachine = async () => {
        const device = await openDevice();
        devices.push(device);
        return machineOf(device);
      };
      const options = stale(1);
      await trainGrpo({ ...options, rewards, recorded: recordedOf(options) }, { ...context, openMachine });
      expect(devices).toHaveLength(loses ? 2 : 1);
      return store;
    };
    const [whole, broken] = [await run(false), await run(true)];
    expect(withoutTime(broken)).toEqual(withoutTime(whole));
    expect(weightsOf(broken)).toEqual(weightsOf(whole));
  });

  it('refuses to resume with another staleness, and resumes a run that began before there was one', async () => {
    const store = new MemoryStore();
    const stopping = new AbortController();
    const { context } = surroundings(store, (event) => {
      if (event.type === 'step') stopping.abort();
    });
    await trainGrpo(GRPO, { ...context, signal: stopping.signal });
    const document = JSON.parse((await store.readText('checkpoints/rl_model_step1.json')) ?? '');
    expect(document).not.toHaveProperty('versions');
    const before = await store.config();
    const other = { ...GRPO, grpo: grpoOptions({ ...SMALL, staleness: 1 }) };
    await expect(trainGrpo(other, surroundings(store).context)).rejects.toMatchObject({
      code: 'BAD_STATE',
      message: expect.stringContaining('the run was begun with --staleness 0 and cannot resume with 1'),
    });
    expect(await store.config()).toEqual(before);
    const { staleness: _, importanceSamplingCap: __, ...options } = (await store.config())?.options ?? {};
    const config = { ...(await store.config()), options };
    store.files.write('config.json', new TextEncoder().encode(JSON.stringify(config)));
    await resume({ model }, surroundings(store).context);
    expect(rowsIn(store).map(({ step }) => step)).toEqual([1, 2, 3]);
  });
});

describe('pretrain and pipeline', () => {
  const supervised = { steps: 2, numExamples: 8, batchSize: 4 };

  it('save within a pass when a checkpoint is wanted, which goes when the pass is over', async () => {
    const store = new MemoryStore();
    const { context } = surroundings(store);
    const seen: unknown[] = [];
    const on = async ({ type }: TrainingEvent): Promise<void> => {
      if (type === 'checkpoint') seen.push(await entriesOf(store));
    };
    const options = {
      ...{ task, model: newModel, evalSize: 4 },
      pretrain: pretrainOptions({ ...supervised, steps: 1 }),
    };
    await pretrain(options, { ...context, on, wantsCheckpoint: () => true });
    expect(seen).toEqual([[['model_update0', true]], [['model_update1', true]], [['model_step1', false]]]);
  });

  it('train a new model, and resume for more passes', async () => {
    const store = new MemoryStore();
    const { context } = surroundings(store);
    const options = { task, model: newModel, evalSize: 4, pretrain: pretrainOptions(supervised) };
    expect(await pretrain(options, context)).toMatchObject({ baseline: null, final: { total: 4 } });
    const manifest = JSON.parse((await store.readText('checkpoints/manifest.json')) ?? '');
    expect(manifest.checkpoints).toMatchObject([{ name: 'model_step1' }, { name: 'model_step2' }]);
    await resume({ task, model: newModel, steps: 3 }, context);
    expect(rowsIn(store).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect((await store.config())?.options).toMatchObject({ steps: 3, numExamples: 8 });
  });

  it('follow each other, and neither is done twice', async () => {
    const store = new MemoryStore();
    const { context } = surroundings(store);
    const parts = {
      pretrain: pretrainOptions({ ...supervised, steps: 1 }),
      grpo: grpoOptions({ ...SMALL, steps: 1 }),
    };
    const summary = await pipeline({ task, model: newModel, evalSize: 4, ...parts }, context);
    expect(Object.keys(summary.phases)).toEqual(['pretrain', 'grpo']);
    const again = await resume({ task, model: newModel, steps: 2 }, context);
    expect(again).toMatchObject({ baseline: summary.baseline, phases: { grpo: { steps: 2 } } });
    expect(rowsIn(store).map(({ phase, step }) => `${phase} ${step}`)).toEqual([
      ...['pretrain 1', 'pretrain 2', 'grpo 1', 'grpo 2'],
    ]);
  });
});

it('begins no run on a task that has nothing to train on', async () => {
  const store = new MemoryStore();
  const { context, events } = surroundings(store);
  // One and one are all there is, and that is held out.
  const alone = countdown({ numbers: 2, maxNumber: 1, operators: '+' });
  expect(alone.heldOut(10)).toHaveLength(1);
  const options = { model: newModel, pretrain: pretrainOptions(), grpo: grpoOptions() };
  for (const begun of [
    pretrain({ ...options, task: alone }, context),
    trainGrpo({ ...options, task: alone }, context),
    pipeline({ ...options, task, pretrainTask: alone }, context),
  ]) {
    await expect(begun).rejects.toThrow('there is nothing to train on');
  }
  expect(events).toEqual([]);
  expect(await store.config()).toBeUndefined();
});

it('asks for a task and rewards that a config only names', async () => {
  const { context } = surroundings(new MemoryStore());
  await trainGrpo(
    { ...GRPO, evalInterval: 0, recorded: { ...grpoOptions({ steps: 1 }), reward: 'mine.ts' } },
    context,
  );
  await expect(resume({ model, task }, context)).rejects.toMatchObject({
    fix: expect.stringContaining('`rewards`'),
  });
  const rewards = [builtInReward('correctness', task)];
  await expect(resume({ model, rewards }, context)).rejects.toMatchObject({
    fix: expect.stringContaining('`task`'),
  });
});

it('a store without a run has nothing to resume', async () => {
  const { context } = surroundings(new MemoryStore());
  await expect(resume({ task, model }, context)).rejects.toMatchObject({ code: 'NO_RUN' });
});
