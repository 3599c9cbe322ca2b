/** Files that a run changes in place belong to the run: links to other places are refused. */
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkOwnPath, isInside, openOwnFile } from '../../src/runs/ownFile.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-own-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true }));

const MODES = ['new', 'existing', 'either'] as const;
const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, where: path, message: expect.stringMatching(message) });

describe('openOwnFile', () => {
  it('opens to read and write', () => {
    for (const [i, mode] of MODES.entries()) {
      const descriptor = openOwnFile(path, mode);
      expect(readFileSync(descriptor, 'utf8')).toBe('abc'.slice(0, i));
      writeSync(descriptor, 'abc'.charAt(i), i);
      closeSync(descriptor);
    }
    expect(readFileSync(path, 'utf8')).toBe('abc');
    rmSync(path);
    closeSync(openOwnFile(path, 'either'));
    expect(existsSync(path)).toBe(true);
  });

  it('takes no other file for a new one, and no missing one for an old one', () => {
    expect(() => openOwnFile(path, 'existing')).toThrow(refusal('FILE_NOT_FOUND', /no such file/));
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'old');
    expect(() => openOwnFile(path, 'new')).toThrow(refusal('ALREADY_EXISTS', /exists already/));
  });

  it.each(MODES)('follows no link: %s', (mode) => {
    const victim = join(directory, 'victim');
    writeFileSync(victim, 'precious');
    const code = mode === 'new' ? 'ALREADY_EXISTS' : 'NOT_A_FILE';
    for (const [link, message] of [
      [symlinkSync, /it is a symbolic link/],
      [linkSync, /has a second name \(a hard link\)/],
    ] as const) {
      link(victim, path);
      expect(() => openOwnFile(path, mode)).toThrow(refusal(code, mode === 'new' ? /exists/ : message));
      rmSync(path);
    }
    symlinkSync(join(directory, 'nowhere'), path);
    expect(() => openOwnFile(path, mode)).toThrow(refusal(code, /./));
    expect(existsSync(join(directory, 'nowhere'))).toBe(false);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('takes no device', () => {
    if (process.platform === 'win32') return;
    expect(() => openOwnFile('/dev/null', 'existing')).toThrow(
      expect.objectContaining({
        code: 'NOT_A_FILE',
        message: expect.stringContaining('it is no ordinary file'),
      }),
    );
  });
});

describe('isInside', () => {
  it.each([
    ['a.csv', true],
    ['deep/er/a.csv', true],
    ['deep/../a.csv', true],
    ['..a.csv', true],
    ['', false],
    ['.', false],
    ['..', false],
    ['../a.csv', false],
    ['../run2/a.csv', false],
    ['deep/../../a.csv', false],
  ])('%s: %s', (relative, expected) => {
    const root = join(directory, 'run');
    expect(isInside(root, `${root}/${relative}`)).toBe(expected);
    expect(isInside(resolve(root), `${root}/${relative}`)).toBe(expected);
  });
});

describe('checkOwnPath', () => {
  it('takes directories, and those that are not there yet', () => {
    mkdirSync(join(directory, 'a'));
    expect(() => checkOwnPath(directory, path)).not.toThrow();
    writeFileSync(path, 'the file itself');
    expect(() => checkOwnPath(directory, path)).not.toThrow();
    expect(() => checkOwnPath(directory, join(directory, 'a', 'b', 'c'))).not.toThrow();
  });

  it('refuses a link or a file on the way, at any depth', () => {
    mkdirSync(join(directory, 'a'));
    for (const at of [path, join(directory, 'a', 'link')]) {
      symlinkSync(tmpdir(), at);
      const error = expect.objectContaining({ code: 'NOT_A_FILE', where: at });
      expect(() => checkOwnPath(directory, join(at, 'x'))).toThrow(error);
      expect(() => checkOwnPath(directory, join(at, 'x', 'y'))).toThrow(/it is a symbolic link/);
      rmSync(at);
    }
    writeFileSync(path, '');
    expect(() => checkOwnPath(directory, join(path, 'x'))).toThrow(/it is no directory/);
  });

  it('says nothing of the root itself: the user named it', () => {
    const link = join(directory, 'link');
    mkdirSync(join(directory, 'a'));
    symlinkSync(join(directory, 'a'), link);
    expect(() => checkOwnPath(link, join(link, 'x'))).not.toThrow();
  });
});
