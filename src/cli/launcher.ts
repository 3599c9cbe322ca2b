/**
 * Watches the processes that started this command: tsx, npm and npm's shell. npm sends SIGTERM to its shell alone, and the shell
 * dies without passing it on: the command has to notice that its launcher is gone.
 */
import { readFileSync } from 'node:fs';

const CHECK_MS = 250;

/** Tell whether tsx's command line started this process and is its parent. */
export function isUnderTsx(): boolean {
  return process.execArgv.some((argument) => PREFLIGHT.test(argument));
}

/** Matches the module that tsx's command line loads first. `node --import tsx` does not load it: there is no process between. */
export const PREFLIGHT = /[\\/]tsx[\\/]dist[\\/]preflight\.cjs$/;

/** Call `onEnd` once when a launcher of this process ends. Does not keep this process alive. */
export function onLauncherEnd(onEnd: () => void): Disposable {
  const before = launchers();
  if (before.length === 0) return { [Symbol.dispose]: () => {} };
  const timer = setInterval(() => {
    if (String(launchers()) === String(before)) return;
    clearInterval(timer);
    onEnd();
  }, CHECK_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/**
 * List the process ids of tsx, of npm's shell and of npm, where they exist. A shell or script that started the command is not
 * among them: it may end while the command continues in the background.
 */
function launchers(): readonly number[] {
  const parent = process.ppid;
  const tsx = isUnderTsx() ? [parent] : [];
  const shell = tsx.length > 0 ? parentOf(parent) : parent;
  const npm = shell !== undefined && isScriptShell(shell) ? [shell, parentOf(shell) ?? 0] : [];
  return [...tsx, ...npm];
}

/** Tell whether npm, or a package manager that works like it, started this process through this shell. */
function isScriptShell(pid: number): boolean {
  if (process.env.npm_lifecycle_event === undefined) return false;
  return ofProcess(pid, 'cmdline')?.split('\0')[1] === '-c';
}

/** Read the parent's process id. Linux only: elsewhere no shell stays between npm and the command. */
function parentOf(pid: number): number | undefined {
  // The second field, the name, may hold spaces and parentheses; the fourth is the parent.
  const afterName = ofProcess(pid, 'stat')?.split(') ').at(-1);
  const parent = afterName?.split(' ')[1];
  return parent === undefined ? undefined : Number(parent);
}

function ofProcess(pid: number, file: 'cmdline' | 'stat'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
