/** Signals that ask a training to stop, heard in this process; `wrappers.test.ts` sends them to real ones. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StopRequest } from '../../src/cli/stopRequest.ts';
import { exitCodeOf, STOP_SIGNALS, type StopSignal } from '../../src/cli/stopSignals.ts';

const launcher = vi.hoisted(() => ({ end: () => {}, watched: 0 }));
vi.mock('../../src/cli/launcher.ts', async (original) => ({
  ...(await original<object>()),
  onLauncherEnd: (onEnd: () => void) => {
    launcher.end = onEnd;
    launcher.watched++;
    return { [Symbol.dispose]: () => void launcher.watched-- };
  },
}));

const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
const asked = vi.fn();
const send = (signal: StopSignal) => process.emit(signal, signal);
const listening = () => STOP_SIGNALS.map((signal) => process.listenerCount(signal));
let before: number[];

beforeEach(() => {
  vi.clearAllMocks();
  before = listening();
});
afterEach(() => {
  vi.unstubAllEnvs();
  expect(listening()).toEqual(before);
  expect(launcher.watched).toBe(0);
});

describe('a stop request', () => {
  it('is none until a signal comes', () => {
    using stop = new StopRequest(asked);
    expect([stop.requested, stop.exitCode]).toEqual([false, undefined]);
    expect(asked).not.toHaveBeenCalled();
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('is made by %s, and exits with %d', (signal, code) => {
    using stop = new StopRequest(asked);
    send(signal);
    expect([stop.requested, stop.exitCode, exitCodeOf(signal)]).toEqual([true, code, code]);
    expect(asked).toHaveBeenCalledOnce();
    expect(kill).not.toHaveBeenCalled();
  });

  it('quits at the second signal, as any program does that hears none', () => {
    using stop = new StopRequest(asked);
    send('SIGINT');
    kill.mockImplementation(() => {
      expect(listening()).toEqual(before);
      return true;
    });
    send('SIGTERM');
    expect(kill.mock.calls).toEqual([[process.pid, 'SIGTERM']]);
    expect(asked).toHaveBeenCalledOnce();
    // The first signal tells what to exit with.
    expect(stop.exitCode).toBe(130);
  });

  it('does not quit for a terminal that is closed twice', () => {
    using stop = new StopRequest(asked);
    send('SIGHUP');
    send('SIGHUP');
    expect(kill).not.toHaveBeenCalled();
    send('SIGINT');
    expect(kill).toHaveBeenCalledOnce();
    expect(stop.exitCode).toBe(129);
  });

  it('is made by the end of the launcher too, once', () => {
    using stop = new StopRequest(asked);
    launcher.end();
    launcher.end();
    expect(stop.exitCode).toBe(143);
    expect(asked).toHaveBeenCalledOnce();
  });

  it('leaves quitting to the supervisor, and hears the echo of a signal after its end', () => {
    vi.stubEnv('MATHFORMER_SUPERVISOR', String(process.ppid));
    const stop = new StopRequest(asked);
    send('SIGINT');
    send('SIGINT');
    expect(kill).not.toHaveBeenCalled();
    stop[Symbol.dispose]();
    expect(listening()).toEqual(before.map((count) => count + 1));
    for (const signal of STOP_SIGNALS) {
      for (const listener of process.listeners(signal).slice(-1)) process.off(signal, listener);
    }
    const unasked = new StopRequest(asked);
    unasked[Symbol.dispose]();
  });
});
