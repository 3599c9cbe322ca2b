/**
 * Storage that fails at any operation of a run: earlier checkpoints stay, half-written files are ignored, and the resumed run ends
 * like one without the fault.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import { FileStore } from '../../src/training/fileStore.ts';
import { MemoryFiles, MemoryStore } from '../../src/training/memoryStore.ts';
import { OpfsFiles } from '../../src/training/opfsFiles.ts';
import { START_NAMES } from '../../src/training/sessionState.ts';
import type { TrainingCheckpoint } from '../../src/training/store.ts';
import { FakeDirectory, type Fault, named, type Operation } from './fakeOpfs.ts';
import { workerFigures } from './figures.ts';

const STEPS = 3;
const config = modelConfig('tiny', { nLayers: 1, vocabSize: 8 });
const CONFIG = { kind: 'grpo', options: { seed: 1 } } as const;

function at(step: number, rows: number): TrainingCheckpoint {
  return {
    model: { config, stateDict: initialStateDict(config, step), metadata: new Map() },
    state: {
      progress: { step },
      optimizer: new Map([['exp_avg', { shape: [2], data: Float32Array.of(step, 1) }]]),
      reference: initialStateDict(config, 100),
      versions: [step, step + 1].map((version) => initialStateDict(config, 200 + version)),
    },
    session: { phase: 'grpo', totals: { steps: step, tokens: 1, seconds: 1 }, rows, finished: {} },
  };
}

/** Two workers take part from the second step on. */
const workersAt = (step: number) =>
  step < 2 ? [] : ['a1', 'b2'].map((worker) => ({ step, ...workerFigures({ worker }) }));

const noDamage = (problem: string): void => expect.fail(problem);

/** Begin the run, or resume it, and train to the end. */
async function train(store: FileStore): Promise<void> {
  const earlier = await store.config();
  const point = earlier && (await store.resumePoint(noDamage));
  const run = await store.open(CONFIG, earlier && { rows: point?.session.rows ?? 0 });
  try {
    if (point) await run.checkpoints.forgetAfter(point.name);
    else await run.checkpoints.save(at(0, 0), { name: START_NAMES.grpo, step: 0, temporary: true });
    for (let step = (point?.step ?? 0) + 1; step <= STEPS; step++) {
      await run.log({ phase: 'grpo', step, loss: 1 / step }, workersAt(step));
      await run.writeLines(`samples_step${step}.jsonl`, [{ step }]);
      const rows = await run.syncedRows();
      const options = { name: `step${step}`, step, temporary: step === 1, accuracy: step / 10 };
      await run.checkpoints.save(at(step, rows), options);
    }
    await run.writeJson('summary.json', { steps: STEPS });
  } finally {
    await run.close();
  }
}

/** Return the SHA-256 of every file that counts: a fault behind the manifest leaves files that it no longer names. */
async function digests(files: OpfsFiles): Promise<Record<string, string>> {
  const manifest = new TextDecoder().decode(await files.read('checkpoints/manifest.json'));
  const names = (await files.list()).map(({ name }) => name);
  const counting = names.filter(
    (name) => !/step\d\.|reference|version/.test(name) || manifest.includes(name.slice(12)),
  );
  const entries = counting.map(async (name) => {
    const digest = createHash('sha256').update((await files.read(name)) ?? '');
    return [name, digest.digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

const storeOf = (files: OpfsFiles): FileStore => new FileStore(files, { name: 'runs/a' });

/** The operations of an undisturbed run, and what it leaves. */
async function undisturbed() {
  const directory = new FakeDirectory();
  const made: Operation[] = [];
  directory.fail((operation) => {
    made.push(operation);
    return undefined;
  });
  const files = new OpfsFiles(directory);
  await train(storeOf(files));
  return { made, expected: await digests(files) };
}

const NEEDS_ROOM: readonly Operation[] = ['create', 'write', 'close', 'append', 'flush'];

describe.each([
  ['a tab that is killed', (n: number): Fault => counted((_, call) => call >= n && named('AbortError'))],
  ['one failure', (n: number): Fault => counted((_, call) => call === n && named('UnknownError'))],
  [
    'storage that is full from then on',
    (n: number): Fault =>
      counted(
        (operation, call) => call >= n && NEEDS_ROOM.includes(operation) && named('QuotaExceededError'),
      ),
  ],
])('%s', (_, faultAt) => {
  it('at any operation loses nothing', async () => {
    const { made, expected } = await undisturbed();
    expect(made.length).toBeGreaterThan(40);
    for (const [n, operation] of made.entries()) {
      const directory = new FakeDirectory();
      const files = new OpfsFiles(directory);
      directory.fail(faultAt(n));
      const [ended] = await Promise.allSettled([train(storeOf(files))]);
      const isRefused = ended.status === 'rejected';
      expect([n, operation, isRefused]).toEqual([n, operation, operation !== 'remove' || isRefused]);
      directory.fail(() => undefined);
      await train(storeOf(files));
      expect([n, await digests(files)]).toEqual([n, expected]);
    }
  });
});

/** Count operations. */
function counted(fails: (operation: Operation, call: number) => Error | false): Fault {
  let calls = 0;
  return (operation) => {
    const error = fails(operation, calls++);
    if (error) throw error;
    return undefined;
  };
}

it('begins no run where there are files, and none that another writer has', async () => {
  const files = new MemoryFiles([['notes.txt', Uint8Array.of(1)]]);
  await expect(new MemoryStore(files).open(CONFIG, undefined)).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  });
  const lock = () => {
    throw named('locked');
  };
  const store = new FileStore(new MemoryFiles(), { name: 'a', lock });
  await expect(store.open(CONFIG, undefined)).rejects.toThrow('locked');
  expect(await store.config()).toBeUndefined();
});

it('unlocks when it is closed, and when it cannot be opened', async () => {
  let held = 0;
  const lock = () => {
    held++;
    return () => {
      held--;
    };
  };
  const store = new FileStore(new MemoryFiles(), { name: 'a', lock });
  const run = await store.open(CONFIG, undefined);
  expect(held).toBe(1);
  await run.close();
  expect(held).toBe(0);
  await expect(store.open(CONFIG, { rows: 5 })).rejects.toMatchObject({
    code: 'ROWS_MISSING',
    message: expect.stringContaining('a/metrics.jsonl: it has 0 whole rows of metrics, but 5 were written'),
  });
  expect(held).toBe(0);
});

describe('damage', () => {
  async function trained(): Promise<MemoryStore> {
    const store = new MemoryStore();
    await train(store);
    return store;
  }

  it('to the last checkpoint is told, and the one before it taken', async () => {
    const store = await trained();
    store.files.append('checkpoints/step3.optimizer.safetensors', Uint8Array.of(0));
    const damage: string[] = [];
    expect(await store.resumePoint((problem) => damage.push(problem))).toMatchObject({ name: 'step2' });
    expect(damage).toEqual([
      expect.stringContaining('step3.optimizer.safetensors: it is not what was saved'),
    ]);
    store.files.remove('checkpoints/step2.json');
    await expect(store.resumePoint(() => undefined)).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringContaining('step2.json: it is gone'),
    });
  });

  it.each([
    ['a config of something else', 'config.json', '{"kind":"cake"}', 'config', 'DAMAGED'],
    ['a manifest that is torn', 'checkpoints/manifest.json', '{"version":1,"check', 'point', 'DAMAGED'],
    ['a manifest of a newer version', 'checkpoints/manifest.json', '{"version":2}', 'point', 'NEWER_VERSION'],
  ])('%s is explained', async (_, name, text, where, code) => {
    const store = await trained();
    store.files.write(name, new TextEncoder().encode(text));
    const read = where === 'config' ? store.config() : store.resumePoint(noDamage);
    await expect(read).rejects.toMatchObject({
      code,
      where: `memory/${name}`,
      fix: expect.stringMatching(/\w/),
    });
  });

  it('a lost manifest does not let the run begin again over its results', async () => {
    const store = await trained();
    store.files.remove('checkpoints/manifest.json');
    await expect(store.resumePoint(noDamage)).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringContaining(
        'it names no checkpoint, but the run has trained: there is metrics.jsonl',
      ),
    });
  });

  it('a torn last row is cut when the run is resumed', async () => {
    const store = await trained();
    const whole = store.files.read('metrics.jsonl');
    store.files.append('metrics.jsonl', new TextEncoder().encode('{"phase":"grpo","st'));
    await train(store);
    expect(store.files.read('metrics.jsonl')).toEqual(whole);
  });
});
