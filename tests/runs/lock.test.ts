/** One process writes to a run at a time, and one that is gone does not keep others out. */
import { execFile, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileError } from '../../src/runs/fileError.ts';
import { RunLock } from '../../src/runs/lock.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-lock-'));
  path = join(directory, 'lock');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Above what Linux and macOS give to processes. */
const NO_PROCESS = 2 ** 22 + 1;
const BOOT = existsSync('/proc/sys/kernel/random/boot_id')
  ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  : '-';

function refusal(): FileError {
  try {
    new RunLock(directory)[Symbol.dispose]();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

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

  test('by a process that is killed, is free as soon as it is gone', async () => {
    const script = `import { RunLock } from './src/runs/lock.ts'; new RunLock(${JSON.stringify(directory)}); console.log('held'); setInterval(() => 0, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(refusal().message).toContain(`process ${child.pid} on `);
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(path)).toBe(true);
    new RunLock(directory)[Symbol.dispose]();
    expect(existsSync(path)).toBe(false);
  });
});

describe('a lock file that nobody locks', () => {
  test('of a version that wrote no more than a name, holds while that process is there', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)']);
    writeFileSync(path, `${hostname()} ${child.pid}\n`);
    const { code, message, fix } = refusal();
    expect(code).toBe('IN_USE');
    expect(message).toContain(`process ${child.pid} on ${hostname()} is writing to this run since `);
    expect(fix).toContain(`if no such process trains there any more, remove ${path}`);
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGKILL');
    await ended;
    const lock = new RunLock(directory);
    expect(existsSync(path)).toBe(true);
    lock[Symbol.dispose]();
    expect(existsSync(path)).toBe(false);
  });

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

test('of processes that try at the same moment one wins, whatever was left there', async () => {
  const rounds = 150;
  const left = ['', `${hostname()} ${NO_PROCESS}\n`, `${hostname()} ${NO_PROCESS} ${BOOT}\n`, undefined];
  for (let round = 0; round < rounds; round++) {
    const run = join(directory, String(round));
    mkdirSync(run);
    const text = left[round % left.length];
    if (text !== undefined) writeFileSync(join(run, 'lock'), text);
  }
  const args = ['--import', 'tsx', 'tests/runs/lockRival.ts', directory];
  const start = Date.now() + 2000;
  const rivals = await Promise.all(
    [1, 2, 3].map(async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        ...args,
        String(start),
        String(rounds),
      ]);
      const found: { won: number[]; violated: number[] } = JSON.parse(stdout);
      return found;
    }),
  );
  expect(rivals.flatMap(({ violated }) => violated)).toEqual([]);
  expect(new Set(rivals.flatMap(({ won }) => won)).size).toBe(rounds);
});
