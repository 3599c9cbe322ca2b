/** Files that are there as a whole or not at all, whatever fails on the way. */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { withFileErrors } from './fileError.ts';

/** What writing needs of the file system; tests hand in one that fails. */
export type FileOperations = Pick<
  typeof fs,
  'openSync' | 'writeFileSync' | 'fsyncSync' | 'closeSync' | 'renameSync' | 'unlinkSync'
>;

/** The name that a file has until it is complete. */
const temporaryName = (name: string): string => `.${name}.${randomUUID().slice(0, 8)}.tmp`;
/** Tell whether a file of this name was never completed. */
export const isTorn = (name: string): boolean => /^\..+\.[0-9a-f]{8}\.tmp$/.test(name);

/**
 * Writes `content` under a temporary name in the same directory, syncs it and renames it to `path`. A file that was
 * there before stays as it is until the new one is complete on disk; after a failure nothing is left behind.
 * @throws FileError, e.g. DISK_FULL.
 */
export function writeAtomically(
  path: string,
  content: Uint8Array | string,
  files: FileOperations = fs,
): void {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  withFileErrors(path, () => {
    const descriptor = files.openSync(temporary, 'wx');
    try {
      try {
        files.writeFileSync(descriptor, content);
        files.fsyncSync(descriptor);
      } finally {
        files.closeSync(descriptor);
      }
      files.renameSync(temporary, path);
    } catch (error) {
      removeQuietly(temporary, files);
      throw error;
    }
    syncDirectory(dirname(path), files);
  });
}

/** Removes what a process that was killed while writing left behind in a directory. */
export function removeTorn(directory: string): void {
  withFileErrors(directory, () => {
    const torn = fs.readdirSync(directory).filter(isTorn);
    for (const file of torn) fs.rmSync(join(directory, file), { force: true });
  });
}

function removeQuietly(path: string, files: FileOperations): void {
  try {
    files.unlinkSync(path);
  } catch {
    // The failure that led here is the one to report.
  }
}

/** Makes the names in a directory survive a power cut. Windows cannot sync a directory and does not need it. */
export function syncDirectory(path: string, files: FileOperations = fs): void {
  if (process.platform === 'win32') return;
  const descriptor = files.openSync(path, 'r');
  try {
    files.fsyncSync(descriptor);
  } finally {
    files.closeSync(descriptor);
  }
}
