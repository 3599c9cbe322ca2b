/** Files of a run in a browser's origin: as those in memory, whole or not at all, and explained when they fail. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryFiles } from '../../src/training/memoryStore.ts';
import { OpfsFiles } from '../../src/training/opfsFiles.ts';
import type { WritableRunFiles } from '../../src/training/runFiles.ts';
import { FakeDirectory, named, type Operation } from './fakeOpfs.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** The names and contents of all files that are not empty. */
async function contents(files: WritableRunFiles): Promise<[string, Uint8Array | undefined][]> {
  const listed = (await files.list()).filter((file) => file.bytes > 0);
  return Promise.all(
    listed.map(async ({ name }): Promise<[string, Uint8Array | undefined]> => [name, await files.read(name)]),
  );
}

const name = fc.constantFrom('a.json', 'b.jsonl', 'checkpoints/c', 'checkpoints/deep/d');
const content = fc.uint8Array({ maxLength: 5 });
const step = fc.oneof(
  fc.record({ does: fc.constant('write' as const), name, content }),
  fc.record({ does: fc.constant('append' as const), name, content }),
  fc.record({ does: fc.constant('truncate' as const), name, size: fc.nat(6) }),
  fc.record({ does: fc.constant('remove' as const), name }),
);

describe.each([
  ['in a Worker', true],
  ['on a page', false],
])('%s', (_, inWorker) => {
  it('are as those in memory after any operations', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const memory = new MemoryFiles();
        const opfs = new OpfsFiles(new FakeDirectory(undefined, inWorker));
        for (const each of steps) {
          for (const files of [memory, opfs]) {
            if (each.does === 'write') await files.write(each.name, each.content);
            else if (each.does === 'append') await files.append(each.name, each.content);
            else if (each.does === 'remove') await files.remove(each.name);
            else if (await files.read(each.name)) {
              const { length } = (await files.read(each.name)) ?? bytes();
              await files.truncate(each.name, Math.min(each.size, length));
            }
          }
        }
        expect(await contents(opfs)).toEqual(await contents(memory));
      }),
    );
  });

  it.each<[Operation]>([['write'], ['close'], ['append'], ['flush']])(
    'lose nothing when storage is full at %s',
    async (failing) => {
      const directory = new FakeDirectory(undefined, inWorker);
      const files = new OpfsFiles(directory);
      await files.write('kept', bytes(1, 2));
      await files.append('rows', bytes(3));
      const before = await contents(files);
      directory.fail((operation) => {
        if (operation === failing) throw named('QuotaExceededError');
        return undefined;
      });
      const full = expect.objectContaining({
        code: 'DISK_FULL',
        message: expect.stringContaining('the browser has no more room for this page; delete runs'),
      });
      const attempts = await Promise.allSettled([
        files.write('kept', bytes(9)),
        files.append('rows', bytes(9)),
      ]);
      const failures = attempts.filter(({ status }) => status === 'rejected');
      // A page appends with the same calls with which it writes.
      const isCalled = inWorker || failing === 'write' || failing === 'close';
      expect(failures.length).toBe(isCalled ? (inWorker ? 1 : 2) : 0);
      for (const { reason } of failures as PromiseRejectedResult[]) expect(reason).toEqual(full);
      if (failures.length > 0) {
        directory.fail(() => undefined);
        const now = new Map(await contents(files));
        for (const [file, content] of before) {
          const isChanged = attempts[file === 'kept' ? 0 : 1]?.status === 'fulfilled';
          if (!isChanged) expect(now.get(file)).toEqual(content);
        }
      }
    },
  );
});

it('read from an offset; a file that is not there is undefined', async () => {
  const files = new OpfsFiles(new FakeDirectory());
  await files.append('rows', bytes(1, 2, 3));
  expect(await files.read('rows', 2)).toEqual(bytes(3));
  expect(await files.read('rows', 9)).toEqual(bytes());
  expect(await files.read('none')).toBeUndefined();
  expect(await files.read('no/where')).toBeUndefined();
  await files.remove('no/where');
});

it('lie below a path, which is made with the first file', async () => {
  const directory = new FakeDirectory();
  const files = new OpfsFiles(directory, 'runs/a');
  expect(await files.list()).toEqual([]);
  await files.append('trace/b', bytes(1));
  expect(await contents(files)).toEqual([['trace/b', bytes(1)]]);
  expect(await contents(new OpfsFiles(directory))).toEqual([['runs/a/trace/b', bytes(1)]]);
});

it('takes none of the bytes that do not all fit', async () => {
  const directory = new FakeDirectory();
  const files = new OpfsFiles(directory);
  await files.append('rows', bytes(1, 2));
  let calls = 0;
  directory.fail((operation) => (operation === 'append' ? [2, 0][calls++] : undefined));
  await expect(files.append('rows', bytes(3, 4, 5))).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await files.read('rows')).toEqual(bytes(1, 2));
});

it('does not list files that the browser has not completed', async () => {
  const directory = new FakeDirectory();
  const files = new OpfsFiles(directory);
  await files.write('a', bytes(1));
  await directory.getFileHandle('a.crswap', { create: true });
  expect(await contents(files)).toEqual([['a', bytes(1)]]);
});

it.each([
  ['NoModificationAllowedError', 'IN_USE'],
  ['SecurityError', 'NO_PERMISSION'],
  ['InvalidStateError', 'FILE_SYSTEM'],
])('explains %s', async (error, code) => {
  const directory = new FakeDirectory();
  directory.fail(() => {
    throw named(error);
  });
  await expect(new OpfsFiles(directory).write('a', bytes(1))).rejects.toMatchObject({ code, where: 'a' });
});
