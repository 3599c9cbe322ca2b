/** A directory exists completely or not at all. */
import * as fs from 'node:fs';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeDirectoryAtomically } from '../../src/runs/atomicDirectory.ts';
import type { FileOperations } from '../../src/runs/atomicFile.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-directory-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

const CONTENTS = new Map<string, string | Uint8Array>([
  ['a.json', '{}'],
  ['b.bin', Uint8Array.of(1, 2)],
]);

/** Return file operations of a disk that is full after `files` files. */
function fullAfter(files: number): FileOperations {
  let written = 0;
  const writeFileSync: FileOperations['writeFileSync'] = (...args) => {
    if (written++ >= files) throw Object.assign(new Error('ENOSPC: simulated'), { code: 'ENOSPC' });
    fs.writeFileSync(...args);
  };
  return { ...fs, writeFileSync };
}

it.each([
  ['one that is not there', 'new'],
  ['one below others that are not there', join('deep', 'er', 'new')],
  ['an empty one', 'empty'],
])('writes %s, and leaves nothing else', (_, name) => {
  mkdirSync(join(parent, 'empty'));
  const path = join(parent, name);
  writeDirectoryAtomically(path, CONTENTS);
  expect(readdirSync(path).sort()).toEqual(['a.json', 'b.bin']);
  expect(readFileSync(join(path, 'a.json'), 'utf8')).toBe('{}');
  expect([...readFileSync(join(path, 'b.bin'))]).toEqual([1, 2]);
  expect(readdirSync(join(path, '..')).filter((each) => each.startsWith('.'))).toEqual([]);
});

it('takes no directory that holds anything, nor a file', () => {
  writeFileSync(join(parent, 'file'), 'precious');
  expect(() => writeDirectoryAtomically(parent, CONTENTS)).toThrow(/the directory is not empty/);
  expect(() => writeDirectoryAtomically(join(parent, 'file'), CONTENTS)).toThrow(/file: /);
  expect(readdirSync(parent)).toEqual(['file']);
  expect(readFileSync(join(parent, 'file'), 'utf8')).toBe('precious');
});

it.each([0, 1])('leaves nothing behind if the disk is full after %i files', (files) => {
  mkdirSync(join(parent, 'empty'));
  for (const name of ['new', 'empty']) {
    expect(() => writeDirectoryAtomically(join(parent, name), CONTENTS, fullAfter(files))).toThrow(
      expect.objectContaining({ code: 'DISK_FULL' }),
    );
  }
  expect(readdirSync(parent)).toEqual(['empty']);
  expect(readdirSync(join(parent, 'empty'))).toEqual([]);
});

it.skipIf(process.platform === 'win32')(
  'writes files in directories, for their owner alone if they are secret',
  () => {
    const nested = new Map([
      ['top', '1'],
      ['a/b/deep', '2'],
    ]);
    const modeOf = (...path: string[]) => fs.statSync(join(parent, ...path)).mode & 0o777;
    const before = process.umask(0);
    try {
      writeDirectoryAtomically(join(parent, 'secret'), nested, undefined, true);
      writeDirectoryAtomically(join(parent, 'open'), nested);
    } finally {
      process.umask(before);
    }
    for (const name of ['secret', 'open'])
      expect(readFileSync(join(parent, name, 'a', 'b', 'deep'), 'utf8')).toBe('2');
    for (const path of [[], ['a'], ['a', 'b']]) {
      expect(modeOf('secret', ...path)).toBe(0o700);
      expect(modeOf('open', ...path)).toBe(0o777);
    }
    for (const path of [['top'], ['a', 'b', 'deep']]) {
      expect(modeOf('secret', ...path)).toBe(0o600);
      expect(modeOf('open', ...path)).toBe(0o666);
    }
  },
);
