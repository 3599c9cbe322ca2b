/**
 * Only one process at a time writes to a run. It holds an operating-system lock on the file `lock` in the run's directory.
 * The file names the holder for others: `host pid boot`, where boot is the id of the machine's last start.
 *
 * The system releases the lock at every end of the process. So a lock is never stale, and a reused process id does not
 * matter.
 *
 * Two processes never hold one run. The system gives the lock of one file to one process, so they would have to lock two
 * files, and `lock` would have to be replaced in between. Only the holder removes `lock`, and only while it holds it. A
 * process that gets the lock of a file checks that `lock` still names that file. If it does, nobody else can remove it
 * from then on, and whoever opens `lock` opens the locked file.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { FileError, withFileErrors } from './fileError.ts';
import { openOwnFile } from './ownFile.ts';

/** Offset of the locked byte. It is beyond the text, since Windows does not let others read locked bytes. */
const LOCKED_BYTE = 2 ** 30;

/** Attempts to lock, and milliseconds between them: a dashboard that asks for the state of the run shares the lock for a moment. */
const ATTEMPTS = 5;
const ATTEMPT_MS = 5;

/** The file with the id of the machine's last start on Linux. Containers on a machine share it. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Lock a run's directory until disposed of, or until the process ends. */
export class RunLock implements Disposable {
  readonly #path: string;
  readonly #descriptor: number;

  /**
   * @param what the directory is, in the words of the error.
   * @throws FileError: IN_USE if another process holds it, FILE_SYSTEM if the file system cannot lock files.
   */
  constructor(directory: string, what = 'this run') {
    this.#path = join(directory, 'lock');
    this.#descriptor = lockedFile(directory, this.#path, what);
    try {
      withFileErrors(this.#path, () => {
        ftruncateSync(this.#descriptor);
        writeSync(this.#descriptor, `${hostname()} ${process.pid} ${bootId() ?? '-'}\n`, 0);
      });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (isNamed(this.#path, this.#descriptor)) unlinkSync(this.#path);
    closeSync(this.#descriptor);
  }
}

/**
 * Return true while a process on this machine writes to the run in a directory. This only reads: it shares the lock for a
 * moment, and a process that locks the run waits for that long.
 */
export function isLocked(directory: string): boolean {
  const path = join(directory, 'lock');
  let descriptor: number | undefined;
  try {
    if (!lstatSync(path).isFile()) return false;
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    return !tryLock(descriptor, LOCKED_BYTE, 1, { shared: true });
  } catch {
    // There is no lock, or this file system has none.
    return false;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Lock the file at `path`, and return its descriptor. */
function lockedFile(directory: string, path: string, what: string): number {
  for (;;) {
    const descriptor = openOwnFile(path, 'either');
    try {
      if (!locks(path, descriptor)) throw occupied(directory, path, what, END);
      if (isNamed(path, descriptor)) {
        if (!mayBeAlive(textOf(path))) return descriptor;
        const fix = `${END}; if no such process trains there any more, remove ${path}`;
        throw occupied(directory, path, what, fix);
      }
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    // The holder removed it after it was opened here.
    closeSync(descriptor);
  }
}

function locks(path: string, descriptor: number): boolean {
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (tryLock(descriptor, LOCKED_BYTE, 1)) return true;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ATTEMPT_MS);
    }
    return false;
  } catch (cause) {
    const fix = 'keep the run on a disk that has locks, such as a local one';
    throw new FileError('FILE_SYSTEM', path, 'this file system cannot lock files', fix, { cause });
  }
}

/** Return true if `path` still names the open file. */
function isNamed(path: string, descriptor: number): boolean {
  const [named, open] = [
    lstatSync(path, { bigint: true, throwIfNoEntry: false }),
    fstatSync(descriptor, { bigint: true }),
  ];
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Return true if a process may still write to the run although the lock is free: one on another machine, if the file system
 * does not share locks, or one of an earlier version, which wrote `host pid` and had no lock.
 */
function mayBeAlive(text: string): boolean {
  const [host, pid = '', boot] = text.trim().split(' ');
  if (!/^[1-9]\d*$/.test(pid)) return false;
  // Containers on one machine have different host names, but share its locks.
  if (host !== hostname() && (boot === undefined || boot !== bootId())) return true;
  return boot === undefined && Number(pid) !== process.pid && isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

const END = 'wait until it has ended, or stop it';

/** Return the error for a directory that a process has locked, or may still write to. */
function occupied(directory: string, path: string, what: string, fix: string): FileError {
  const [host, pid] = textOf(path).trim().split(' ');
  const since = statSync(path, { throwIfNoEntry: false })?.mtime.toISOString();
  const holder = host && pid ? `process ${pid} on ${host}` : 'another process';
  const problem = `${holder} is writing to ${what}${since === undefined ? '' : ` since ${since}`}`;
  return new FileError('IN_USE', directory, problem, fix);
}

/** Return the id of the machine's last start; undefined if the system has none. */
const bootId = (): string | undefined => textOf(BOOT_ID).trim() || undefined;
