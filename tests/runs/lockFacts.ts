/** Facts and a helper for tests of locks. */
import { existsSync, readFileSync } from 'node:fs';
import { FileError } from '../../src/runs/fileError.ts';
import { RunLock } from '../../src/runs/lock.ts';

/** A process id above the range of Linux and macOS. */
export const NO_PROCESS = 2 ** 22 + 1;

/** The id of this boot of the machine; `-` where there is none. */
export const BOOT = existsSync('/proc/sys/kernel/random/boot_id')
  ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  : '-';

/** Try to lock a directory, and return the error. @throws Error if it is not refused. */
export function refusalOf(directory: string): FileError {
  try {
    new RunLock(directory)[Symbol.dispose]();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
