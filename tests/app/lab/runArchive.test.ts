/** A run leaves the browser as a zip, and comes back whole or not at all. */

import { MemoryFiles } from 'mathformer/training';
import { expect, it } from 'vitest';
import { chosenRun, copyRun, packedRun, unpackedRun } from '../../../app/src/lab/runArchive.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const CONFIG = text('{"kind":"grpo","options":{"task":"arithmetic","steps":3}}');
const run = new MemoryFiles([
  ['config.json', CONFIG],
  ['metrics.jsonl', text('{"phase":"grpo","step":1,"reward":0.5}\n')],
  ['checkpoints/a.safetensors', Uint8Array.of(0, 255, 7)],
]);
const contents = (files: MemoryFiles) => files.list().map(({ name }) => [name, files.read(name)]);

it('is the same after packing and unpacking', async () => {
  const zip = new Uint8Array(await (await packedRun('a run', run)).arrayBuffer());
  expect(contents(await unpackedRun(zip))).toEqual(contents(run));
});

it('is taken from a chosen directory, without its lock', async () => {
  const files = [...run.list().map(({ name }) => name), 'lock'].map((name) =>
    Object.defineProperty(new File([run.read(name)?.slice() ?? '1'], name), 'webkitRelativePath', {
      value: `mine/${name}`,
    }),
  );
  expect(contents(await chosenRun(files))).toEqual(contents(run));
});

it.each([['a zip without a run', new MemoryFiles([['notes.txt', text('none')]])]])(
  '%s says what to choose',
  async (_, files) => {
    const zip = new Uint8Array(await (await packedRun('x', files)).arrayBuffer());
    await expect(unpackedRun(zip)).rejects.toThrow(
      'There is no config.json in it: choose the directory of a run, or its zip.',
    );
  },
);

it.each([text('PK garbage'), new Uint8Array(0)])('%o is no zip, and says what to choose', async (bytes) => {
  await expect(unpackedRun(bytes)).rejects.toThrow(/^It is no zip, or a damaged one: choose /);
});

it('is not copied if it is torn or of a newer version', async () => {
  for (const [manifest, problem] of [
    ['{"version":9}', 'newer'],
    ['{"vers', 'not JSON'],
  ] as const) {
    const target = new MemoryFiles();
    const torn = new MemoryFiles([
      ['config.json', CONFIG],
      ['checkpoints/manifest.json', text(manifest)],
    ]);
    await expect(copyRun(torn, target)).rejects.toThrow(problem);
    expect(target.list()).toEqual([]);
  }
  const target = new MemoryFiles();
  await copyRun(run, target);
  expect(contents(target)).toEqual(contents(run));
});
