/** What the operating system refuses is told in words, whatever it is. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failureText } from '../../src/cli/failure.ts';
import { withFileErrors } from '../../src/runs/fileError.ts';

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
