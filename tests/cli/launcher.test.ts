/** The processes through which a command was started, read from a fake /proc. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isUnderTsx, onLauncherEnd, PREFLIGHT } from '../../src/cli/launcher.ts';

vi.mock('node:fs');

const TSX = [
  '--require',
  '/x/node_modules/tsx/dist/preflight.cjs',
  '--import',
  'file:///x/tsx/dist/loader.mjs',
];
/** The parent of each process, and its command line. */
let processes: Record<
  number,
  { readonly parent: number; readonly line: readonly string[]; readonly name?: string }
>;
let execArgv: string[];
let ppid = 0;

beforeEach(() => {
  vi.useFakeTimers();
  ({ execArgv } = process);
  vi.stubEnv('npm_lifecycle_event', undefined);
  vi.spyOn(process, 'ppid', 'get').mockImplementation(() => ppid);
  vi.mocked(readFileSync).mockImplementation((path) => {
    const [, pid, file] = /^\/proc\/(\d+)\/(stat|cmdline)$/.exec(String(path)) ?? [];
    const found = processes[Number(pid)];
    if (!found) throw new Error('ENOENT');
    const { parent, line, name = 'sh' } = found;
    return file === 'cmdline' ? line.join('\0') : `${pid} (${name}) S ${parent} 1 1 0`;
  });
});
afterEach(() => {
  process.execArgv = execArgv;
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Watches, lets time pass, changes something, and tells whether the end of a launcher was noticed. */
function noticed(change: () => void): boolean {
  const onEnd = vi.fn();
  using _ = onLauncherEnd(onEnd);
  vi.advanceTimersByTime(1000);
  expect(onEnd).not.toHaveBeenCalled();
  change();
  vi.advanceTimersByTime(1000);
  expect(onEnd.mock.calls.length).toBeLessThan(2);
  return onEnd.mock.calls.length === 1;
}

describe('isUnderTsx', () => {
  it('knows tsx by what it loads first, and not a loader that is asked for', () => {
    process.execArgv = TSX;
    expect(isUnderTsx()).toBe(true);
    process.execArgv = ['--require', String.raw`C:\x\tsx\dist\preflight.cjs`];
    expect(isUnderTsx()).toBe(true);
    for (const argv of [
      [],
      ['--import', 'tsx'],
      ['/x/mytsx/dist/preflight.cjs'],
      ['/x/tsx/dist/preflight.cjs.map'],
    ]) {
      process.execArgv = argv;
      expect(isUnderTsx()).toBe(false);
    }
    expect(PREFLIGHT.test('tsx/dist/preflight.cjs')).toBe(false);
  });
});

describe('onLauncherEnd', () => {
  it('watches nobody where the command was started by hand or by a script', () => {
    process.execArgv = [];
    ppid = 5;
    processes = { 5: { parent: 1, line: ['bash', '-c', 'train'] } };
    expect(noticed(() => (ppid = 1))).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('notices that tsx is gone', () => {
    process.execArgv = TSX;
    ppid = 5;
    processes = { 5: { parent: 4, line: ['node', 'tsx'] }, 4: { parent: 1, line: ['bash'] } };
    expect(noticed(() => {})).toBe(false);
    // Whose terminal is gone, goes on in the background.
    expect(noticed(() => delete processes[4])).toBe(false);
    expect(noticed(() => (ppid = 1))).toBe(true);
  });

  it('notices that the shell of npm is gone, or npm, also behind tsx', () => {
    vi.stubEnv('npm_lifecycle_event', 'start');
    const shell = { parent: 3, line: ['sh', '-c', 'tsx train.ts'], name: 'a shell) (of npm' };
    const npm = { parent: 1, line: ['npm start'] };
    for (const behindTsx of [false, true]) {
      process.execArgv = behindTsx ? TSX : [];
      const own = behindTsx ? { 5: { parent: 4, line: ['node', 'tsx'] } } : {};
      ppid = behindTsx ? 5 : 4;
      const there = () => {
        processes = { ...own, 4: shell, 3: npm };
      };
      there();
      expect(noticed(() => (processes = { ...processes, 4: { ...shell, parent: 1 } }))).toBe(true);
      there();
      expect(noticed(() => delete processes[4])).toBe(true);
      there();
      expect(noticed(() => {})).toBe(false);
    }
  });

  it('takes no other parent for the shell of npm', () => {
    vi.stubEnv('npm_lifecycle_event', 'start');
    process.execArgv = [];
    ppid = 4;
    processes = { 4: { parent: 3, line: ['make', 'train'] } };
    expect(noticed(() => (ppid = 1))).toBe(false);
    processes = {};
    expect(noticed(() => (ppid = 1))).toBe(false);
  });

  it('ends with its disposal', () => {
    process.execArgv = TSX;
    ppid = 5;
    processes = {};
    const onEnd = vi.fn();
    onLauncherEnd(onEnd)[Symbol.dispose]();
    ppid = 1;
    vi.advanceTimersByTime(1000);
    expect(onEnd).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
