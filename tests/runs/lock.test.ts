/** One process writes to a run at a time, and one that is gone does not keep others out. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunLock } from '../../src/runs/lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const inUse = expect.objectContaining({ code: 'IN_USE', where: expect.stringContaining('mathformer-lock-') });

test('a process that is there keeps others out until it is gone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)']);
  const path = join(directory, 'lock');
  writeFileSync(path, `${hostname()} ${child.pid}\n`);
  expect(() => new RunLock(directory)).toThrow(inUse);
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGKILL');
  await ended;
  const lock = new RunLock(directory);
  expect(existsSync(path)).toBe(true);
  lock[Symbol.dispose]();
  expect(existsSync(path)).toBe(false);
});

test('of another machine nothing is known', () => {
  writeFileSync(join(directory, 'lock'), 'elsewhere 1\n');
  expect(() => new RunLock(directory)).toThrow(inUse);
});

test('an empty one, of a process that died while it wrote, is no lock', () => {
  writeFileSync(join(directory, 'lock'), '');
  new RunLock(directory)[Symbol.dispose]();
});
