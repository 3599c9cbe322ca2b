/**
 * The processes that a command was started through: tsx, npm and npm's shell. npm passes SIGTERM to its shell alone, which
 * dies and tells nobody: the command then has to notice that its launcher is gone.
 */
import { readFileSync } from 'node:fs';

const CHECK_MS = 250;

/** Whether this process was started by tsx's command line, which is then its parent. */
export function isUnderTsx(): boolean {
  return process.execArgv.some((argument) => PREFLIGHT.test(argument));
}

/** What tsx's command line loads first. `node --import tsx` does not: no other process is in between. */
export const PREFLIGHT = /[\\/]tsx[\\/]dist[\\/]preflight\.cjs$/;

/** Calls `onEnd` once if a process that this one was started through ends. Does not keep this process alive. */
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
 * Process ids of tsx, of npm's shell and of npm, as far as they are there. The parent of a command that was started by
 * hand or by a script is not among them: it may end, and the command goes on in the background.
 */
function launchers(): readonly number[] {
  const parent = process.ppid;
  const tsx = isUnderTsx() ? [parent] : [];
  const shell = tsx.length > 0 ? parentOf(parent) : parent;
  const npm = shell !== undefined && isScriptShell(shell) ? [shell, parentOf(shell) ?? 0] : [];
  return [...tsx, ...npm];
}

/** Whether npm (or a package manager that works like it) started this process, and through this shell. */
function isScriptShell(pid: number): boolean {
  if (process.env.npm_lifecycle_event === undefined) return false;
  return ofProcess(pid, 'cmdline')?.split('\0')[1] === '-c';
}

/** On Linux alone: elsewhere shells do not stay between npm and the command. */
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
