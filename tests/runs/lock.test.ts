/** One process writes to a run at a time; `lockProcesses.test.ts` lets several try. */
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isLocked, RunLock } from '../../src/runs/lock.ts';
import { BOOT, NO_PROCESS, refusalOf } from './lockFacts.ts';

// As they are, but for faults that a test has them make.
vi.mock('node:fs', { spy: true });
vi.mock('fs-native-extensions', { spy: true });

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-lock-'));
  path = join(directory, 'lock');
});
afterEach(() => rmSync(directory, { recursive: true }));

const refusal = () => refusalOf(directory);

describe('a lock that is held', () => {
  test('names its holder, keeps others out and is gone when it is released', () => {
    const lock = new RunLock(directory);
    expect(readFileSync(path, 'utf8')).toBe(`${hostname()} ${process.pid} ${BOOT}\n`);
    const { code, where, message, fix } = refusal();
    expect([code, where]).toEqual(['IN_USE', directory]);
    expect(message).toMatch(
      new RegExp(`: process ${process.pid} on ${hostname()} is writing to this run since \\d{4}-[^;]*Z; `),
    );
    // Whoever removed the file beside a live process would let a second one in.
    expect(fix).toBe('wait until it has ended, or stop it');
    expect(readFileSync(path, 'utf8')).toContain(String(process.pid));
    lock[Symbol.dispose]();
    expect(existsSync(path)).toBe(false);
    new RunLock(directory)[Symbol.dispose]();
  });

  test('is not known by its text alone', () => {
    using _ = new RunLock(directory);
    writeFileSync(path, '');
    expect(refusal().message).toContain('another process is writing to this run since ');
  });

  test('is released alone: what took its place stays', () => {
    const lock = new RunLock(directory);
    unlinkSync(path);
    using other = new RunLock(directory);
    lock[Symbol.dispose]();
    expect(existsSync(path)).toBe(true);
    expect(refusal().code).toBe('IN_USE');
    expect(other).toBeInstanceOf(RunLock);
  });
});

describe('a lock file that nobody locks', () => {
  test.each([
    ['of another machine', 'elsewhere 1'],
    ['of another machine, with the id of its start', 'elsewhere 1 0f0e0d0c'],
    ['of a process that may not be signalled', `${hostname()} 1`],
  ])('%s holds: nothing is known of it', (_, text) => {
    writeFileSync(path, `${text}\n`);
    expect(refusal().code).toBe('IN_USE');
    expect(readFileSync(path, 'utf8')).toBe(`${text}\n`);
  });

  const free: readonly (readonly [what: string, text: string])[] = [
    ['an empty one, of a process that died while it wrote', ''],
    ['one of a process that is gone', `${hostname()} ${NO_PROCESS}`],
    ['one of a process whose id is ours now', `${hostname()} ${process.pid}`],
    ['one of a process whose id is another process’s now', `${hostname()} ${process.ppid} ${BOOT}`],
    ['one from before the machine was started', `${hostname()} ${process.ppid} 0f0e0d0c`],
    ['one that names no process', 'what is this'],
    ['one of no process', `${hostname()} 0`],
    ...(BOOT === '-' ? [] : [['one of a container on this machine', `container 1 ${BOOT}`] as const]),
  ];
  test.each(free)('%s is no lock', (_, text) => {
    writeFileSync(path, text);
    new RunLock(directory)[Symbol.dispose]();
    expect(existsSync(path)).toBe(false);
  });
});

test('a link in its place is refused, and what it names stays as it is', () => {
  const victim = join(directory, 'victim');
  writeFileSync(victim, 'precious');
  for (const link of [symlinkSync, linkSync]) {
    link(victim, path);
    expect(refusal()).toMatchObject({ code: 'NOT_A_FILE', where: path });
    unlinkSync(path);
  }
  symlinkSync(join(directory, 'nowhere'), path);
  expect(refusal().code).toBe('NOT_A_FILE');
  expect(existsSync(join(directory, 'nowhere'))).toBe(false);
  expect(readFileSync(victim, 'utf8')).toBe('precious');
});

test('names its holder by no more than is known', () => {
  using _ = new RunLock(directory);
  for (const [text, holder] of [
    ['somewhere', 'another process'],
    [`\n ${hostname()} 12 ${BOOT}\n`, `process 12 on ${hostname()}`],
  ] as const) {
    writeFileSync(path, text);
    expect(refusal().message).toContain(`: ${holder} is writing to this run since `);
  }
});

test('one that a process left which may be alive says what to remove if it is not', () => {
  writeFileSync(path, 'elsewhere 17\n');
  const { where, message, fix } = refusal();
  expect(where).toBe(directory);
  expect(message).toContain('process 17 on elsewhere is writing to this run since ');
  expect(fix).toBe(
    `wait until it has ended, or stop it; if no such process trains there any more, remove ${path}`,
  );
  // And is not taken away by looking.
  expect(existsSync(path)).toBe(true);
  unlinkSync(path);
  new RunLock(directory)[Symbol.dispose]();
});

test.runIf(existsSync('/proc/self/fd'))('keeps no file open that it does not hold', () => {
  const before = readdirSync('/proc/self/fd').length;
  const missing = join(directory, 'none');
  expect(() => new RunLock(missing)).toThrow(expect.objectContaining({ code: 'FILE_NOT_FOUND' }));
  writeFileSync(path, 'elsewhere 17\n');
  expect(refusal().code).toBe('IN_USE');
  unlinkSync(path);
  {
    using _ = new RunLock(directory);
    expect(refusal().code).toBe('IN_USE');
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

describe('a file system', () => {
  test('that cannot lock files is said to be one, with the fault behind it', () => {
    const fault = Object.assign(new Error('ENOTSUP'), { code: 'ENOTSUP' });
    vi.mocked(tryLock).mockImplementationOnce(() => {
      throw fault;
    });
    expect(refusal()).toMatchObject({
      ...{ code: 'FILE_SYSTEM', where: path, cause: fault },
      message: expect.stringContaining('this file system cannot lock files'),
      fix: 'keep the run on a disk that has locks, such as a local one',
    });
  });

  test('that takes no bytes leaves no lock behind', () => {
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', errno: -28, syscall: 'write' });
    vi.mocked(writeSync).mockImplementationOnce(() => {
      throw full;
    });
    expect(refusal()).toMatchObject({ code: 'DISK_FULL', where: path });
    expect(existsSync(path)).toBe(false);
    new RunLock(directory)[Symbol.dispose]();
  });

  test('locks one byte behind the text, and another file where the holder removed the first', () => {
    const calls = vi.mocked(tryLock);
    calls.mockClear();
    // The holder of the file that was opened removes it, and lets go.
    calls.mockImplementationOnce(() => {
      unlinkSync(path);
      return true;
    });
    using _ = new RunLock(directory);
    expect(calls.mock.calls.map(([, ...place]) => place)).toEqual([
      [2 ** 30, 1],
      [2 ** 30, 1],
    ]);
    expect(readFileSync(path, 'utf8')).toContain(String(process.pid));
    expect(refusal().code).toBe('IN_USE');
  });
});

test.each([
  ['is there', undefined, 'IN_USE'],
  ['may not be signalled', 'EPERM', 'IN_USE'],
  ['is gone', 'ESRCH', undefined],
])('of a version that wrote host and process alone: where the process %s', (_, code, expected) => {
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    return true;
  });
  writeFileSync(path, `${hostname()} 4711\n`);
  const found = (() => {
    try {
      return refusal().code;
    } catch {
      return undefined;
    }
  })();
  expect(found).toBe(expected);
  expect(kill.mock.calls).toEqual([[4711, 0]]);
  kill.mockRestore();
});

test.each(['12x', 'x12', '012', '-5'])('%s is the id of no process', (pid) => {
  writeFileSync(path, `elsewhere ${pid}\n`);
  new RunLock(directory)[Symbol.dispose]();
  expect(existsSync(path)).toBe(false);
});

describe('a question for the lock', () => {
  test('is answered by the lock, not by the file', () => {
    expect(isLocked(directory)).toBe(false);
    const lock = new RunLock(directory);
    expect([isLocked(directory), isLocked(directory)]).toEqual([true, true]);
    lock[Symbol.dispose]();
    expect(isLocked(directory)).toBe(false);
    // A killed process leaves its file, and so does one on another machine.
    for (const text of [
      `${hostname()} ${NO_PROCESS} ${BOOT}\n`,
      `${hostname()} ${process.pid} ${BOOT}\n`,
      'elsewhere 1 0f0e0d0c\n',
    ]) {
      writeFileSync(path, text);
      expect(isLocked(directory)).toBe(false);
    }
  });

  test('follows no link', () => {
    const other = mkdtempSync(join(tmpdir(), 'mathformer-lock-'));
    using _ = new RunLock(other);
    symlinkSync(join(other, 'lock'), path);
    expect(isLocked(directory)).toBe(false);
  });

  test('does not keep a process from the lock', () => {
    let denied = 2;
    vi.mocked(tryLock).mockImplementation(() => denied-- <= 0);
    try {
      new RunLock(directory)[Symbol.dispose]();
      expect(denied).toBeLessThan(0);
    } finally {
      vi.mocked(tryLock).mockRestore();
    }
  });
});
