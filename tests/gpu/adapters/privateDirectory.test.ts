/** Directories for shared libraries are refused if another user could change or redirect them. */
import {
  chmodSync,
  chownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  cacheDirectories,
  homeDirectory,
  privateDirectory,
  readOwnFile,
} from '../../../src/gpu/adapters/privateDirectory.ts';

const STRANGER = 54_321;
const isRoot = process.getuid?.() === 0;

let scratch: string;
beforeEach(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), 'mathformer-private-')));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(process.platform === 'win32')('privateDirectory', () => {
  it('makes what is missing, for this user alone', () => {
    const path = join(scratch, 'a', 'b');
    expect(privateDirectory(path)).toBe(path);
    for (const each of [path, dirname(path)]) expect(lstatSync(each).mode & 0o777).toBe(0o700);
  });

  it('refuses a symbolic link, wherever it leads', () => {
    mkdirSync(join(scratch, 'real'), { mode: 0o700 });
    symlinkSync('real', join(scratch, 'link'));
    expect(() => privateDirectory(join(scratch, 'link'))).toThrow('is a symbolic link');
  });

  it('gives the path behind links in parents, so that nobody can lead it elsewhere afterwards', () => {
    mkdirSync(join(scratch, 'disk'), { mode: 0o700 });
    symlinkSync('disk', join(scratch, 'cache'));
    expect(privateDirectory(join(scratch, 'cache', 'mathformer'))).toBe(join(scratch, 'disk', 'mathformer'));
  });

  it.each([
    ['itself', 'a/b', 0o777, /^is writable by other users/],
    ['itself for its group', 'a/b', 0o770, /^is writable by other users/],
    ['what it lies in', 'a', 0o777, /^lies in .*\/a, which is writable by other users/],
  ])('refuses one where others can write: %s', (_, path, mode, message) => {
    mkdirSync(join(scratch, 'a/b'), { recursive: true, mode: 0o700 });
    chmodSync(join(scratch, path), mode);
    expect(() => privateDirectory(join(scratch, 'a/b'))).toThrow(message);
  });

  it('takes one in a directory such as /tmp, where others can replace their own files only', () => {
    mkdirSync(join(scratch, 'tmp'));
    chmodSync(join(scratch, 'tmp'), 0o1777);
    expect(privateDirectory(join(scratch, 'tmp', 'mine'))).toBe(join(scratch, 'tmp', 'mine'));
  });

  it.runIf(isRoot)('refuses what another user owns, or reaches through', () => {
    const path = join(scratch, 'theirs', 'cache');
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chownSync(path, STRANGER, STRANGER);
    expect(() => privateDirectory(path)).toThrow(/^belongs to another user/);
    chownSync(path, 0, 0);
    chownSync(dirname(path), STRANGER, STRANGER);
    expect(() => privateDirectory(path)).toThrow(/^lies in .*theirs, which belongs to another user/);
    symlinkSync(path, join(scratch, 'planted'));
    lchownSync(join(scratch, 'planted'), STRANGER, STRANGER);
    expect(() => privateDirectory(join(scratch, 'planted'))).toThrow('is a symbolic link');
  });
});

describe.skipIf(process.platform === 'win32')('readOwnFile', () => {
  it('reads no link, and nothing that others can write or own', () => {
    const path = join(scratch, 'file');
    writeFileSync(path, 'mine', { mode: 0o600 });
    expect(new TextDecoder().decode(readOwnFile(path))).toBe('mine');
    symlinkSync('file', join(scratch, 'link'));
    expect(() => readOwnFile(join(scratch, 'link'))).toThrow('ELOOP');
    chmodSync(path, 0o602);
    expect(() => readOwnFile(path)).toThrow('foreign');
    if (!isRoot) return;
    chmodSync(path, 0o600);
    chownSync(path, STRANGER, STRANGER);
    expect(() => readOwnFile(path)).toThrow('foreign');
  });
});

describe('cacheDirectories', () => {
  it('leaves out a home that is not known, or not absolute', () => {
    expect(cacheDirectories({ HOME: 'here' })).toHaveLength(1);
    expect(cacheDirectories({ HOME: '/home/ada' })[0]).toBe('/home/ada/.cache/mathformer');
    expect(homeDirectory({ HOME: '/home/ada' })).toBe('/home/ada');
  });
});
