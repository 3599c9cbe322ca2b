/** Atomic files: whatever fails, they have their old content or their new one. */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { withFileErrors } from './fileError.ts';

/** The file operations that writing needs. Tests pass operations that fail. */
export type FileOperations = Pick<
  typeof fs,
  'openSync' | 'writeFileSync' | 'fsyncSync' | 'closeSync' | 'renameSync' | 'unlinkSync'
>;

/** Return a name for a file until it is complete. */
const temporaryName = (name: string): string => `.${name}.${randomUUID().slice(0, 8)}.tmp`;
/** Return true if the name is that of an incomplete file. */
export const isTorn = (name: string): boolean => /^\..+\.[0-9a-f]{8}\.tmp$/.test(name);

/** Permissions of what only its owner may read. Windows ignores them. */
export const SECRET_FILE = 0o600;
export const SECRET_DIRECTORY = 0o700;

/**
 * Write `content` under a temporary name in the same directory, sync it, and rename it to `path`. An earlier file stays
 * unchanged until the new one is complete on disk. After a failure no file is left behind.
 * @param mode its permissions; by default those that the system gives to a new file.
 * @throws FileError, e.g. DISK_FULL.
 */
export function writeAtomically(
  path: string,
  content: Uint8Array | string,
  files: FileOperations = fs,
  mode?: number,
): void {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  withFileErrors(path, () => {
    const descriptor = files.openSync(temporary, 'wx', mode);
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

/** Remove the incomplete files that a killed process left in a directory. */
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
    // The first failure is reported, not this one.
  }
}

/** Sync a directory, so that its names survive a power cut. Windows cannot sync a directory, and need not. */
export function syncDirectory(path: string, files: FileOperations = fs): void {
  if (process.platform === 'win32') return;
  const descriptor = files.openSync(path, 'r');
  try {
    files.fsyncSync(descriptor);
  } finally {
    files.closeSync(descriptor);
  }
}
