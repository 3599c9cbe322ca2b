/**
 * Runs a training under `tsx`. tsx kills a process that does not answer Ctrl-C within 60 ms, and a training may not: nothing
 * else runs while a reward computes. So the training runs in a process of its own. The process that tsx knows only waits,
 * answers at once, and passes the request on.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { isUnderTsx, onLauncherEnd, PREFLIGHT } from './launcher.ts';
import { exitCodeOf, isImpatient, STOP_SIGNALS, type StopSignal } from './stopSignals.ts';

/** Environment variable that holds the supervisor's process id. */
const SUPERVISOR = 'MATHFORMER_SUPERVISOR';
/**
 * Milliseconds within which a repeated signal is the same Ctrl-C: the terminal sends it, and tsx sends it again (after 30 ms,
 * on a busy machine later).
 */
const ECHO_MS = 200;

/**
 * Run this command again in a process of its own if tsx started this one, and exit as that process does.
 * @returns false if this process itself has to do the work.
 */
export async function superviseUnderTsx(): Promise<boolean> {
  if (isSupervised()) {
    obeySupervisor();
    return false;
  }
  // A debugger wants the process that it was pointed at.
  if (!isUnderTsx() || process.execArgv.some((argument) => argument.startsWith('--inspect'))) return false;
  const child = startAgain();
  try {
    process.exitCode = await supervise(child);
    return true;
  } catch {
    return false; // no process could be started
  }
}

/** Tell whether a supervisor watches this process. The supervisor decides when a second signal means to quit at once. */
export function isSupervised(): boolean {
  return process.env[SUPERVISOR] === String(process.ppid);
}

function startAgain(): ChildProcess {
  const { execArgv, execPath, argv, env, pid } = process;
  const preflight = execArgv.findIndex((argument) => PREFLIGHT.test(argument));
  // Its `--require` stands before it.
  const flags = execArgv.filter((_, i) => i !== preflight && i !== preflight - 1);
  return spawn(execPath, [...flags, ...argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...env, [SUPERVISOR]: String(pid) },
  });
}

/** Pass signals on until the process has ended. @returns the exit code. @throws Error if it did not start. */
function supervise(child: ChildProcess): Promise<number> {
  let request: { readonly signal: StopSignal; readonly at: number } | undefined;
  let quitting: StopSignal | undefined;
  const ask = (signal: StopSignal): void => {
    request = { signal, at: performance.now() };
    // A message and not a signal: in a terminal Ctrl-C reaches the supervised process as well, and must not count twice.
    child.send(signal, () => {});
  };
  const receive = (signal: StopSignal): void => {
    const isEcho = signal === request?.signal && performance.now() - request.at < ECHO_MS;
    if (request === undefined) ask(signal);
    else if (!isEcho && isImpatient(signal)) {
      quitting = signal;
      child.kill('SIGKILL');
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, () => receive(signal));
  const launcher = onLauncherEnd(() => request ?? ask('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code, signal) => {
      launcher[Symbol.dispose]();
      const killed = quitting ?? signal;
      resolve(killed === null ? (code ?? 1) : exitCodeOf(killed));
    });
  });
}

/** Treat the supervisor's messages, and its end, as signals. */
function obeySupervisor(): void {
  process.on('message', (signal: NodeJS.Signals) => process.kill(process.pid, signal));
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}
