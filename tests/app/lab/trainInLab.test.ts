/** Sessions of the Lab, on the adapter that has the same bits in a tab: answered, paused, resumed, and as a program. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TrainingEvent } from 'mathformer/training';
import { MemoryFiles, MemoryStore, rowsOf } from 'mathformer/training';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gate } from '../../../app/src/lab/gate.ts';
import { LiveAnswers } from '../../../app/src/lab/liveAnswers.ts';
import { programOf } from '../../../app/src/lab/program.ts';
import type { LiveAnswer, NewRun } from '../../../app/src/lab/protocol.ts';
import { recipeOf, settingsFrom } from '../../../app/src/lab/settings.ts';
import { type LabContext, trainInLab } from '../../../app/src/lab/trainInLab.ts';
import { openDevice } from '../../../src/index.node.ts';

const FILE = 'sums.safetensors';
const { settings } = settingsFrom({ preset: 'sums', steps: '6', eval_interval: '3', eval_size: '20' });
const begin: NewRun = {
  recipe: recipeOf(settings, FILE),
  start: { from: 'file', name: FILE, bytes: readFileSync(`app/public/checkpoints/${FILE}`) },
};

/** Train, and collect what happens. */
async function train(
  store: MemoryStore,
  run: NewRun | undefined,
  parts: Partial<LabContext> & { readonly event?: (event: TrainingEvent) => void } = {},
) {
  const events: TrainingEvent[] = [];
  const { event: hear, ...others } = parts;
  const summary = await trainInLab(run, {
    store,
    openDevice: async () => {
      const device = await openDevice({ adapter: 'wasm' });
      return { device, adapter: { name: device.name, kind: 'wasm', description: device.name } };
    },
    versions: { mathformer: 'test' },
    gate: new Gate(null, () => undefined),
    on: (event) => {
      events.push(event);
      hear?.(event);
    },
    ...others,
  });
  return { summary, events };
}

const digestOf = ({ files }: MemoryStore): string =>
  createHash('sha256')
    .update(files.read('checkpoints/rl_model_final.safetensors') ?? expect.fail('there are no weights'))
    .digest('hex');
const rewardsIn = ({ files }: MemoryStore) =>
  rowsOf(files.read('metrics.jsonl') ?? new Uint8Array()).rows.map(({ reward }) => reward);

describe('a run of the first preset', () => {
  const plain = new MemoryStore();
  beforeAll(async () => {
    await train(plain, begin);
  });

  it('traces every step, and evaluates on the way', async () => {
    const names = plain.files.list().map(({ name }) => name);
    for (let step = 1; step <= 6; step++) expect(names).toContain(`trace/step${step}.safetensors`);
    expect(rewardsIn(plain)).toHaveLength(6);
  });

  it('has the same bits with live answers, of which one turns right early', async () => {
    const store = new MemoryStore();
    const told: LiveAnswer[] = [];
    const answers = new LiveAnswers(
      settings.preset.question,
      (answer) => told.push(answer),
      () => expect.fail(),
    );
    await train(store, begin, { answers });
    expect(digestOf(store)).toBe(digestOf(plain));
    expect(told.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(told.map(({ correct }) => correct)).toContain(true);
    expect(told[0]).toMatchObject({ question: '7+3', expected: '10', correct: false });
    for (const { logp } of told) expect(logp).toBeLessThanOrEqual(0);
  });

  it('refuses a question that is none, and answers another one', async () => {
    const refused: string[] = [];
    const told: string[] = [];
    const answers = new LiveAnswers(
      'cake',
      ({ question }) => told.push(question),
      (question) => refused.push(question),
    );
    const event = (each: TrainingEvent): void => {
      if (each.type === 'step' && each.step === 4) answers.replace('1+1');
    };
    await train(new MemoryStore(), begin, { answers, event });
    expect(refused).toHaveLength(4);
    expect(told).toEqual(['1+1', '1+1', '1+1']);
  });

  it('pauses after a step, and another visit resumes it to the same bits', async () => {
    const store = new MemoryStore();
    const gate = new Gate(2, () => undefined);
    // The tab is closed: nobody lets the session go on.
    const closed = train(store, begin, { gate });
    while (!gate.isHeld) await new Promise((resolve) => setTimeout(resolve, 20));
    const point = await store.resumePoint(() => expect.fail());
    expect(point).toMatchObject({ step: 2, session: { rows: 2 } });
    const copy = new MemoryStore(
      new MemoryFiles(
        store.files.list().map(({ name }) => [name, store.files.read(name) ?? new Uint8Array()]),
      ),
    );
    const { events } = await train(copy, undefined);
    expect(events.find(({ type }) => type === 'model')).toMatchObject({ origin: { kind: 'resumed' } });
    expect(digestOf(copy)).toBe(digestOf(plain));
    expect(rewardsIn(copy)).toEqual(rewardsIn(plain));
    // The held session goes on, too.
    gate.continue(null);
    await closed;
    expect(digestOf(store)).toBe(digestOf(plain));
  });

  it('is the program on the page', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mathformer-program-'));
    afterAll(() => rmSync(directory, { recursive: true }));
    copyFileSync(`app/public/checkpoints/${FILE}`, join(directory, FILE));
    const source = (name: string): string => join(process.cwd(), 'src', name);
    const program = programOf(settings, FILE)
      .replace("'mathformer/model'", `'${source('model/index.ts')}'`)
      .replace("'mathformer/training'", `'${source('training/index.ts')}'`)
      .replace("'mathformer'", `'${source('index.node.ts')}'`);
    expect(program.split('\n').length).toBeLessThanOrEqual(22);
    writeFileSync(join(directory, 'train.mjs'), program);
    const loader = join(process.cwd(), 'node_modules/tsx/dist/loader.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', loader, 'train.mjs'], {
      cwd: directory,
    });
    const printed = stdout
      .trim()
      .split('\n')
      .slice(0, -1)
      .map((line) => Number(line.split(' ')[2]));
    expect(printed).toEqual(rewardsIn(plain));
  });
});

it('a checkpoint of another vocabulary is refused, and no run begun', async () => {
  const store = new MemoryStore();
  const sort = settingsFrom({ preset: 'file', task: 'sort' }).settings;
  await expect(train(store, { ...begin, recipe: recipeOf(sort, FILE) })).rejects.toMatchObject({
    code: 'WRONG_VOCABULARY',
    message: expect.stringContaining('choose the task that the checkpoint was trained on'),
  });
  expect(store.files.list()).toEqual([]);
});

it('there is nothing to resume without a run', async () => {
  await expect(train(new MemoryStore(), undefined)).rejects.toMatchObject({ code: 'NO_RUN' });
});

it('a new model learns by imitation first', async () => {
  const parameters = {
    preset: 'scratch',
    'pretrain.num_examples': '96',
    'grpo.steps': '1',
    'grpo.max_refills': '0',
  };
  const scratch = settingsFrom(parameters).settings;
  const store = new MemoryStore();
  const recipe = { ...recipeOf(scratch, null), evaluation: { problems: 8 } };
  const { summary } = await train(store, { recipe, start: { from: 'new', size: 'tiny', seed: 0 } });
  expect(summary.phases).toMatchObject({ pretrain: { steps: 3 }, grpo: { steps: 1 } });
});
