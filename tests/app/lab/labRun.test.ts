/** The run of the Lab against a Worker that does nothing: starts, pauses and resets that come while something is fetched or read. */
import { FileStore, OpfsFiles } from 'mathformer/training';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LabRun } from '../../../app/src/lab/labRun.ts';
import type { LabCommand, LabReport } from '../../../app/src/lab/protocol.ts';
import { addressOf, settingsFrom } from '../../../app/src/lab/settings.ts';
import { FakeDirectory, named } from '../../training/fakeOpfs.ts';

const { settings } = settingsFrom({});

class FakeWorker {
  static readonly all: FakeWorker[] = [];
  readonly commands: LabCommand['type'][] = [];
  isEnded = false;
  onmessage: (event: { readonly data: LabReport }) => void = () => {};

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage({ type }: LabCommand): void {
    this.commands.push(type);
  }

  terminate(): void {
    this.isEnded = true;
  }
}

let root: FakeDirectory;
let remembered: Map<string, string>;
/** Another tab trains the runs. */
let isElsewhere: boolean;
/** Ends the fetch of the checkpoint. */
let fetched: () => void;
beforeEach(() => {
  FakeWorker.all.length = 0;
  root = new FakeDirectory();
  remembered = new Map();
  isElsewhere = false;
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('document', { baseURI: 'https://example.org/' });
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => remembered.get(key) ?? null,
    setItem: (key: string, value: string) => remembered.set(key, value),
    removeItem: (key: string) => remembered.delete(key),
  });
  vi.stubGlobal('navigator', {
    storage: { getDirectory: async () => root },
    locks: {
      async request(_name: string, _options: object, work: () => Promise<void>): Promise<void> {
        if (isElsewhere) throw named('TimeoutError');
        await work();
      },
    },
  });
  const answer = new Promise<Response>((resolve) => {
    fetched = () => resolve(new Response(new Uint8Array(8)));
  });
  vi.stubGlobal('fetch', () => answer);
});
afterEach(() => vi.unstubAllGlobals());

/** Keep a run of an earlier visit. */
async function earlierRun(): Promise<OpfsFiles> {
  const files = new OpfsFiles(await root.getDirectoryHandle('runs', { create: true }), 'earlier');
  const config = { kind: 'grpo', options: { task: 'arithmetic', steps: 3 } } as const;
  (await new FileStore(files, { name: 'earlier' }).open(config, undefined)).close();
  remembered.set('mathformer.lab', JSON.stringify({ id: 'earlier', address: '' }));
  return files;
}

const commands = (): string[][] => FakeWorker.all.map((worker) => worker.commands);

it('starts once, however often it is asked to', async () => {
  const lab = new LabRun();
  const starts = [lab.start(settings, null), lab.start(settings, 1)];
  fetched();
  await Promise.all(starts);
  expect(commands()).toEqual([['train']]);
});

it('pauses a run whose checkpoint is still being fetched', async () => {
  const lab = new LabRun();
  const start = lab.start(settings, null);
  lab.pause();
  fetched();
  await start;
  expect(commands()).toEqual([['train', 'pause']]);
});

it('trains nothing after a reset while the checkpoint was fetched', async () => {
  const lab = new LabRun();
  const start = lab.start(settings, null);
  await lab.reset(false);
  fetched();
  await start;
  expect(commands()).toEqual([]);
  expect(lab.status.value).toBe('idle');
  expect(lab.id.value).toBeUndefined();
});

it('leaves a run alone that was started while an earlier one was read', async () => {
  await earlierRun();
  const lab = new LabRun();
  const restored = lab.restore(settings, true);
  const start = lab.start(settings, null);
  fetched();
  await Promise.all([restored, start]);
  expect(lab.status.value).toBe('training');
  expect(lab.id.value).not.toBe('earlier');

  const other = new LabRun();
  remembered.set('mathformer.lab', JSON.stringify({ id: 'earlier', address: '' }));
  await other.restore(settings, true);
  expect([other.id.value, other.status.value, other.address.value]).toEqual(['earlier', 'paused', '']);
  expect([lab.isReopened.value, other.isReopened.value]).toEqual([false, true]);
});

it('ends the Worker of a finished run, and hears no Worker that was ended', async () => {
  const lab = new LabRun();
  fetched();
  await lab.start(settings, null);
  const [worker] = FakeWorker.all;
  worker?.onmessage({ data: { type: 'finished' } });
  expect([worker?.isEnded, lab.status.value]).toEqual([true, 'finished']);
  await lab.reset(true);
  worker?.onmessage({ data: { type: 'paused' } });
  expect(lab.status.value).toBe('idle');
});

it('deletes a run that has no files yet without a fault', async () => {
  const lab = new LabRun();
  fetched();
  await lab.start(settings, null);
  await lab.reset(false);
  expect(lab.notices.value).toEqual([]);
});

it('begins anew after a start that failed before there was a run, with other settings if the person wants', async () => {
  const lab = new LabRun();
  const { settings } = settingsFrom({ preset: 'scratch' });
  await lab.start(settings, null);
  const failure = { code: 'WRONG_VOCABULARY', problem: 'other words', fix: 'choose another' };
  FakeWorker.all[0]?.onmessage({ data: { type: 'failed', failure } });
  expect([lab.status.value, lab.isIdle.value, remembered.size]).toEqual(['failed', true, 0]);
  await lab.start(settings, null);
  expect([lab.status.value, lab.isIdle.value, remembered.size]).toEqual(['training', false, 1]);
});

it('knows the settings of its run, which a later visit finds again', async () => {
  const lab = new LabRun();
  fetched();
  expect(lab.address.value).toBeUndefined();
  await lab.start(settings, null);
  expect(lab.address.value).toBe(addressOf(settings));
  await lab.reset(true);
  expect(lab.address.value).toBeUndefined();
});

it('does not delete a run that another tab trains', async () => {
  const files = await earlierRun();
  const lab = new LabRun();
  await lab.restore(settings, true);
  isElsewhere = true;
  await lab.reset(false);
  expect(lab.notices.value).toHaveLength(1);
  expect(await files.list()).toHaveLength(1);

  remembered.set('mathformer.lab', JSON.stringify({ id: 'earlier', address: '' }));
  await lab.restore(settings, true);
  isElsewhere = false;
  await lab.reset(false);
  expect(lab.notices.value).toEqual([]);
  expect(await files.list()).toEqual([]);
});
