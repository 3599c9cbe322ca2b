/** Every error of the operating system is explained in words. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureText } from '../../src/cli/failure.ts';
import { fileErrorOf, isSystemError, withFileErrors } from '../../src/runs/fileError.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-errors-'));
  symlinkSync('circle', join(directory, 'circle'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const systemErrors = [...getSystemErrorMap()].map(([errno, [code, words]]) => ({ errno, code, words }));

it.each(systemErrors)('$code', ({ errno, code, words }) => {
  const error = Object.assign(new Error(`${code}: ${words}, write`), { errno, code, syscall: 'write' });
  const text = failureText(error);
  expect(text).toMatch(/^error: write: .+ — .+$/);
  expect(text).not.toContain(code);
  expect(text).not.toContain('foreseen');
});

it.each([
  ['.', 'NOT_A_FILE', /: it is a directory/],
  ['circle', 'FILE_SYSTEM', /circle: its symbolic links lead in a circle/],
  ['x'.repeat(300), 'FILE_SYSTEM', /x: its name, or a part of it, is too long/],
])('a file that cannot be read: %.10s', (name, code, message) => {
  const path = join(directory, name);
  expect(() => withFileErrors(path, () => readFileSync(path))).toThrow(
    expect.objectContaining({
      name: 'FileError',
      code,
      where: path,
      message: expect.stringMatching(message),
    }),
  );
});

/** The meaning of each code for the user, repeated here independently. */
it.each([
  ['ENOENT', 'FILE_NOT_FOUND', 'no such file or directory', 'check the path'],
  ['EISDIR', 'NOT_A_FILE', 'directory', 'give a file'],
  ['ENOTDIR', 'NOT_A_FILE', 'not a directory', 'another path'],
  ['EACCES', 'NO_PERMISSION', 'permission', 'permissions'],
  ['EPERM', 'NO_PERMISSION', 'permission', 'permissions'],
  ['EROFS', 'NO_PERMISSION', 'read-only', 'another disk'],
  ['EEXIST', 'ALREADY_EXISTS', 'exists', 'another name'],
  ['ENOSPC', 'DISK_FULL', 'full', 'free some space'],
  ['EDQUOT', 'DISK_FULL', 'quota', 'free some space'],
  ['EFBIG', 'DISK_FULL', 'larger than allowed', 'free some space'],
  ['EMFILE', 'FILE_SYSTEM', 'too many files', 'ulimit'],
  ['ENFILE', 'FILE_SYSTEM', 'too many files', 'ulimit'],
  ['ENAMETOOLONG', 'FILE_SYSTEM', 'too long', 'shorter'],
  ['ELOOP', 'FILE_SYSTEM', 'symbolic links', 'the file itself'],
  ['EIO', 'FILE_SYSTEM', 'failed', 'another disk'],
  ['EBUSY', 'FILE_SYSTEM', 'another program', 'end that program'],
  ['ETXTBSY', 'FILE_SYSTEM', 'program runs', 'end that program'],
  ['ENOTEMPTY', 'FILE_SYSTEM', 'not empty', 'another path'],
  ['ENOMEM', 'FILE_SYSTEM', 'memory', 'end other programs'],
  ['ENXIO', 'FILE_SYSTEM', 'reader', 'another path'],
  ['ERR_FS_FILE_TOO_LARGE', 'FILE_TOO_LARGE', '2 GiB', 'checkpoint'],
])('%s is %s', (name, code, problem, fix) => {
  const cause = Object.assign(new Error(name), { code: name, syscall: 'open', path: 'a/b' });
  const error = fileErrorOf(cause);
  expect(error).toMatchObject({ code, where: 'a/b', cause });
  expect(error.message).toContain(`a/b: `);
  expect(error.message).toContain(problem);
  expect(error.fix).toContain(fix);
  expect(fileErrorOf(cause, 'c').where).toBe('c');
});

it('what has no explanation is told in the words of the system, of the path or the operation', () => {
  const cause = Object.assign(new Error('EPIPE: broken'), { code: 'EPIPE', errno: -32, syscall: 'write' });
  if (process.platform === 'linux') expect(fileErrorOf(cause).message).toContain('write: broken pipe');
  const unknown = Object.assign(new Error('odd words'), { code: 'EODD' });
  expect(fileErrorOf(unknown)).toMatchObject({ code: 'FILE_SYSTEM', where: 'file system' });
  expect(fileErrorOf(unknown).message).toContain('file system: odd words');
});

it('other errors go through as they are, and those in words already are not told twice', () => {
  const told = fileErrorOf(Object.assign(new Error('x'), { code: 'ENOENT', syscall: 'open' }), 'first');
  for (const error of [new TypeError('a fault'), told, Object.assign(new Error('n'), { code: 3 })]) {
    expect(() => withFileErrors('second', () => raise(error))).toThrow(error);
    expect(isSystemError(error)).toBe(false);
  }
  expect(isSystemError(told.cause)).toBe(true);
  expect(isSystemError(Object.assign(new Error('x'), { code: 'ERR_OTHER' }))).toBe(false);
  expect(isSystemError('ENOENT')).toBe(false);
  expect(withFileErrors('path', () => 7)).toBe(7);
});

function raise(error: Error): never {
  throw error;
}
