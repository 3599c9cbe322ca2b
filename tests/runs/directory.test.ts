/** Directories are made with their parents, and directories with content stay. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeDirectory, makeEmptyDirectory, notEmpty, removeIfEmpty } from '../../src/runs/directory.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-directory-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

it('makes a directory and those above it, and takes one that is there with what it holds', () => {
  const path = join(parent, 'a', 'b', 'c');
  makeDirectory(path);
  writeFileSync(join(path, 'file'), '');
  makeDirectory(path);
  expect(existsSync(join(path, 'file'))).toBe(true);
});

it.each([makeDirectory, makeEmptyDirectory])('%o makes none where a file is, or below one', (make) => {
  const file = join(parent, 'file');
  writeFileSync(file, '');
  expect(() => make(file)).toThrow(expect.objectContaining({ code: 'ALREADY_EXISTS', where: file }));
  expect(() => make(join(file, 'a'))).toThrow(expect.objectContaining({ name: 'FileError' }));
});

it('takes an empty directory where one must be empty, and no other', () => {
  const path = join(parent, 'a', 'b');
  makeEmptyDirectory(path);
  makeEmptyDirectory(path);
  writeFileSync(join(path, 'file'), '');
  expect(() => makeEmptyDirectory(path)).toThrow(notEmpty(path));
  expect(notEmpty(path)).toMatchObject({
    code: 'ALREADY_EXISTS',
    where: path,
    fix: expect.stringContaining('--out'),
    message: expect.stringContaining('the directory is not empty'),
  });
});

it('removes an empty directory alone, and says nothing of others', () => {
  const [empty, full] = [join(parent, 'empty'), join(parent, 'full')];
  mkdirSync(empty);
  makeDirectory(join(full, 'inside'));
  for (const path of [empty, full, join(parent, 'missing')]) removeIfEmpty(path);
  expect([empty, full].map((path) => existsSync(path))).toEqual([false, true]);
});
