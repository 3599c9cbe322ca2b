/** The runs of a browser, over its private files in memory: listed, followed without gaps, and told of by other tabs. */
import { FileStore, METRICS_FILE, OpfsFiles, rowsOf } from 'mathformer/training';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RunChange, RunSource } from '../../../app/src/data/source.ts';
import { openTabSource } from '../../../app/src/data/tabSource.ts';
import { lockName, tellChanged } from '../../../app/src/lab/labFiles.ts';
import { FakeDirectory, named } from '../../training/fakeOpfs.ts';

const CONFIG = { kind: 'grpo', options: { task: 'arithmetic', steps: 3 } } as const;

let root: FakeDirectory;
let held: { readonly name: string }[];
beforeEach(() => {
  root = new FakeDirectory();
  held = [];
  const storage = { getDirectory: async () => root };
  vi.stubGlobal('navigator', { storage, locks: { query: async () => ({ held }) } });
});
afterEach(() => vi.unstubAllGlobals());

async function opened(): Promise<RunSource> {
  return (await openTabSource()) ?? expect.fail('there is no source');
}

/** Begin a run as the Worker does. */
async function begun(id: string) {
  const files = new OpfsFiles(await root.getDirectoryHandle('runs', { create: true }), id);
  return { files, run: await new FileStore(files, { name: id }).open(CONFIG, undefined) };
}

it('lists runs, with those that a tab trains', async () => {
  const source = await opened();
  expect(await source.list()).toEqual([]);
  await begun('a');
  await begun('b');
  held = [{ name: lockName('b') }];
  const listed = await source.list();
  expect(listed.map(({ id, state }) => [id, state]).sort()).toEqual([
    ['a', 'stopped'],
    ['b', 'training'],
  ]);
});

it('follows a run: each byte once, files that are new, and metrics that were cut', async () => {
  const source = await opened();
  const { files, run } = await begun('a');
  await run.log({ phase: 'grpo', step: 1 });
  const changes: RunChange[] = [];
  const until = (type: RunChange['type']) =>
    vi.waitFor(() => expect(changes.map((change) => change.type)).toContain(type));
  const end = source.subscribe('a', 0, (change) => changes.push(change));
  await until('listing');
  expect(changes.map(({ type }) => type)).toEqual(['append', 'files', 'listing']);

  changes.length = 0;
  await run.log({ phase: 'grpo', step: 2 });
  tellChanged('another');
  tellChanged('a');
  await until('append');
  const [appended] = changes;
  if (appended?.type !== 'append') throw new Error('nothing was appended');
  expect(rowsOf(appended.bytes).rows).toEqual([{ phase: 'grpo', step: 2 }]);
  expect(appended.from).toBe(((await files.read(METRICS_FILE))?.length ?? 0) - appended.bytes.length);

  changes.length = 0;
  await files.truncate(METRICS_FILE, appended.from);
  tellChanged('a');
  await until('cut');
  expect(changes.map(({ type }) => type).slice(0, 2)).toEqual(['cut', 'append']);
  end();
});

it('watches the list, until it is no longer wanted', async () => {
  const source = await opened();
  let calls = 0;
  const end = source.watch(() => calls++);
  tellChanged('a');
  await vi.waitFor(() => expect(calls).toBe(1));
  end();
});

it('is not there where the browser keeps no files', async () => {
  vi.stubGlobal('navigator', {});
  expect(await openTabSource()).toBeUndefined();
  const storage = { getDirectory: () => Promise.reject(named('SecurityError')) };
  vi.stubGlobal('navigator', { storage });
  expect(await openTabSource()).toBeUndefined();
});
