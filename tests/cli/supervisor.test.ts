/** A training restarts itself under tsx, and the first process handles signals. The second process is a fake. */
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { STOP_SIGNALS, type StopSignal } from '../../src/cli/stopSignals.ts';
import { isSupervised, superviseUnderTsx } from '../../src/cli/supervisor.ts';

const launcher = vi.hoisted(() => ({ end: () => {}, watched: 0 }));
const spawn = vi.hoisted(() => vi.fn());
vi.mock('node:child_process', () => ({ spawn }));
vi.mock('../../src/cli/launcher.ts', async (original) => ({
  ...(await original<object>()),
  onLauncherEnd: (onEnd: () => void) => {
    launcher.end = onEnd;
    launcher.watched++;
    return { [Symbol.dispose]: () => void launcher.watched-- };
  },
}));

const PREFLIGHT = ['--require', '/x/tsx/dist/preflight.cjs'];
const { execArgv } = process;

class Child extends EventEmitter {
  readonly send = vi.fn();
  readonly kill = vi.fn();
}

let child: Child;
let listeners: Map<string | symbol, (value: never) => void>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.stubEnv('MATHFORMER_SUPERVISOR', undefined);
  child = new Child();
  listeners = new Map();
  spawn.mockReset().mockReturnValue(child as EventEmitter as ReturnType<typeof spawn>);
  vi.spyOn(process, 'on').mockImplementation((event, listener) => {
    listeners.set(event, listener);
    return process;
  });
  process.execArgv = ['--max-old-space-size=99', ...PREFLIGHT, '--import', 'loader.mjs'];
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.execArgv = execArgv;
  process.exitCode = undefined;
});

const hear = (signal: StopSignal) => (listeners.get(signal) as (() => void) | undefined)?.();
/** Ends the supervised process, and tells what the supervisor exits with. */
async function ended(work: Promise<boolean>, code: number | null, signal: string | null = null) {
  child.emit('exit', code, signal);
  expect(await work).toBe(true);
  return process.exitCode;
}

describe('under tsx', () => {
  it('the command runs again without what tsx loads first, and names its supervisor', async () => {
    const work = superviseUnderTsx();
    const [path, args, options] = spawn.mock.calls[0] ?? [];
    expect(path).toBe(process.execPath);
    expect(args).toEqual(['--max-old-space-size=99', '--import', 'loader.mjs', ...process.argv.slice(1)]);
    expect(options).toMatchObject({
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { MATHFORMER_SUPERVISOR: String(process.pid), PATH: process.env.PATH },
    });
    expect(await ended(work, 3)).toBe(3);
    expect(launcher.watched).toBe(0);
  });

  it.each([
    [0, null, 0],
    [null, null, 1],
    [null, 'SIGKILL', 137],
    [null, 'SIGTERM', 143],
  ] as const)('it exits as that did: %s, %s', async (code, signal, expected) => {
    expect(await ended(superviseUnderTsx(), code, signal)).toBe(expected);
  });

  it.each(STOP_SIGNALS)('the first %s is passed on as a message', async (signal) => {
    const work = superviseUnderTsx();
    hear(signal);
    expect(child.send.mock.calls.map(([message]) => message)).toEqual([signal]);
    expect(child.kill).not.toHaveBeenCalled();
    expect(await ended(work, 130)).toBe(130);
  });

  it('the echo of a signal is the same signal, a later one quits', async () => {
    const work = superviseUnderTsx();
    hear('SIGINT');
    vi.advanceTimersByTime(199);
    hear('SIGINT');
    expect(child.kill).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    hear('SIGINT');
    expect(child.kill.mock.calls).toEqual([['SIGKILL']]);
    expect(child.send).toHaveBeenCalledOnce();
    // It exits by the signal that was asked for, not by the one that was sent.
    expect(await ended(work, null, 'SIGKILL')).toBe(130);
  });

  it('another signal is no echo, and a closed terminal does not quit', async () => {
    const work = superviseUnderTsx();
    hear('SIGHUP');
    vi.advanceTimersByTime(1000);
    hear('SIGHUP');
    expect(child.kill).not.toHaveBeenCalled();
    hear('SIGTERM');
    expect(child.kill).toHaveBeenCalledOnce();
    expect(await ended(work, null, 'SIGKILL')).toBe(143);
  });

  it('the end of the launcher asks to stop, unless that was asked already', async () => {
    const work = superviseUnderTsx();
    launcher.end();
    launcher.end();
    expect(child.send.mock.calls.map(([message]) => message)).toEqual(['SIGTERM']);
    await ended(work, 0);
  });

  it('a process that cannot be started leaves the work to this one', async () => {
    const work = superviseUnderTsx();
    child.emit('error', new Error('EAGAIN'));
    expect(await work).toBe(false);
    expect(process.exitCode).toBeUndefined();
  });
});

describe('the command itself does the work', () => {
  it.each([
    ['without tsx', ['--import', 'tsx']],
    ['under a debugger', [...PREFLIGHT, '--inspect-brk']],
  ])('%s', async (_, argv) => {
    process.execArgv = argv;
    expect(await superviseUnderTsx()).toBe(false);
    expect(spawn).not.toHaveBeenCalled();
    expect(listeners.size).toBe(0);
  });

  it('under a supervisor, whose messages and end it takes for signals', async () => {
    vi.stubEnv('MATHFORMER_SUPERVISOR', String(process.ppid));
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    expect(isSupervised()).toBe(true);
    expect(await superviseUnderTsx()).toBe(false);
    expect(spawn).not.toHaveBeenCalled();
    (listeners.get('message') as ((signal: string) => void) | undefined)?.('SIGINT');
    (listeners.get('disconnect') as (() => void) | undefined)?.();
    expect(kill.mock.calls).toEqual([
      [process.pid, 'SIGINT'],
      [process.pid, 'SIGTERM'],
    ]);
  });

  it('is not supervised by the supervisor of another process', () => {
    vi.stubEnv('MATHFORMER_SUPERVISOR', String(process.ppid + 1));
    expect(isSupervised()).toBe(false);
  });
});
