/** Locks of runs between processes: of several that try one wins, and one that is gone keeps nobody out. */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunLock } from '../../src/runs/lock.ts';
import { BOOT, NO_PROCESS, refusalOf } from './lockFacts.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-lock-'));
  path = join(directory, 'lock');
});
afterEach(() => rmSync(directory, { recursive: true }));

const refusal = () => refusalOf(directory);

test('a lock that is held by a process that is killed, is free as soon as it is gone', async () => {
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

test('a lock file of a version that wrote no more than a name, holds while that process is there', async () => {
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
