/** Whichever operation fails, a file has its old content or its new one. */
import * as fs from 'node:fs';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileOperations, isTorn, removeTorn, writeAtomically } from '../../src/runs/atomicFile.ts';
import { FileError } from '../../src/runs/fileError.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-atomic-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function failing(operation: keyof FileOperations, code: string): FileOperations {
  return {
    ...fs,
    [operation]: () => {
      throw Object.assign(new Error(`${code}: simulated`), { code });
    },
  };
}

function refusal(work: () => void): FileError {
  try {
    work();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

describe('writeAtomically', () => {
  it('writes a new file and replaces an old one, leaving nothing else', () => {
    const path = join(directory, 'a.bin');
    writeAtomically(path, 'old');
    writeAtomically(path, Uint8Array.of(1, 2, 3));
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    expect(readdirSync(directory)).toEqual(['a.bin']);
  });

  it.each([
    ['openSync', 'EACCES', 'NO_PERMISSION'],
    ['writeFileSync', 'ENOSPC', 'DISK_FULL'],
    ['writeFileSync', 'EDQUOT', 'DISK_FULL'],
    ['fsyncSync', 'ENOSPC', 'DISK_FULL'],
    ['renameSync', 'EROFS', 'NO_PERMISSION'],
    ['renameSync', 'EIO', 'FILE_SYSTEM'],
  ] as const)('%s failing with %s leaves the old file as it was', (operation, code, expected) => {
    const path = join(directory, 'a.bin');
    writeFileSync(path, 'old');
    const error = refusal(() => writeAtomically(path, 'new', failing(operation, code)));
    expect(error.code).toBe(expected);
    expect(error.where).toBe(path);
    expect(error.message).not.toContain('\n');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['a.bin']);
  });

  it('has the whole file on disk before it takes the name', () => {
    const path = join(directory, 'a.bin');
    const calls: string[] = [];
    const spied = new Proxy(fs, {
      get(target, name, receiver) {
        calls.push(String(name));
        return Reflect.get(target, name, receiver);
      },
    });
    writeAtomically(path, 'new', spied);
    expect(calls.slice(0, 5)).toEqual(['openSync', 'writeFileSync', 'fsyncSync', 'closeSync', 'renameSync']);
    // The directory too, so that the rename itself is not lost.
    if (process.platform !== 'win32') expect(calls.slice(5)).toEqual(['openSync', 'fsyncSync', 'closeSync']);
  });
});

describe('what a process that was killed leaves behind', () => {
  it('has a name that tells', () => {
    const opened: string[] = [];
    const spied: FileOperations = {
      ...fs,
      openSync: (path, ...rest) => {
        opened.push(basename(String(path)));
        return fs.openSync(path, ...rest);
      },
    };
    writeAtomically(join(directory, 'a.bin'), 'new', spied);
    expect(opened[0]).toMatch(/^\.a\.bin\./);
    expect(isTorn(opened[0] ?? '')).toBe(true);
    expect(['.a.01234567.tmp', '.a.b.89abcdef.tmp'].every(isTorn)).toBe(true);
    for (const other of [
      ...['a.01234567.tmp', 'x.a.01234567.tmp', '.a.01234567.tmp.gz', '.a.0123456.tmp', '.a.012345678.tmp'],
      ...['.a.0123456g.tmp', '.a.01234567xtmp', '..01234567.tmp', '.01234567.tmp', '.a01234567.tmp', ''],
    ]) {
      expect(isTorn(other), other).toBe(false);
    }
  });

  it('is removed, and nothing else', () => {
    for (const name of ['.a.01234567.tmp', '.b.json.89abcdef.tmp', 'a', '.hidden']) {
      writeFileSync(join(directory, name), '');
    }
    removeTorn(directory);
    expect(readdirSync(directory).sort()).toEqual(['.hidden', 'a']);
    const missing = join(directory, 'missing');
    expect(refusal(() => removeTorn(missing))).toMatchObject({ code: 'FILE_NOT_FOUND', where: missing });
  });
});
