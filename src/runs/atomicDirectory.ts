/** Atomic directories: they exist completely or not at all. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  type FileOperations,
  SECRET_DIRECTORY,
  SECRET_FILE,
  syncDirectory,
  writeAtomically,
} from './atomicFile.ts';
import { makeEmptyDirectory } from './directory.ts';
import { withFileErrors } from './fileError.ts';

/**
 * Write files to a temporary directory, and rename it to `path`, which must not exist, or be empty. After a failure `path` is
 * unchanged.
 * @param contents by name; a name with slashes lies in directories of these names.
 * @param isSecret true if only the owner may read them.
 * @param choice the user's words for the path. Default: `--out`.
 * @throws FileError, e.g. ALREADY_EXISTS or DISK_FULL.
 */
export function writeDirectoryAtomically(
  path: string,
  contents: ReadonlyMap<string, Uint8Array | string>,
  files?: FileOperations,
  isSecret = false,
  choice?: string,
): void {
  const existed = existsSync(path);
  makeEmptyDirectory(path, choice);
  withFileErrors(path, () => {
    const target = realpathSync(path);
    const temporary = join(dirname(target), `.${basename(target)}.${randomUUID().slice(0, 8)}.tmp`);
    try {
      for (const [name, content] of contents) {
        const file = join(temporary, name);
        mkdirSync(dirname(file), { recursive: true, ...(isSecret && { mode: SECRET_DIRECTORY }) });
        writeAtomically(file, content, files, isSecret ? SECRET_FILE : undefined);
      }
      // Windows cannot rename onto a directory, not even an empty one.
      rmdirSync(target);
      renameSync(temporary, target);
    } catch (error) {
      rmSync(temporary, { recursive: true, force: true });
      if (!existed && existsSync(target)) rmdirSync(target);
      throw error;
    }
    syncDirectory(dirname(target), files);
  });
}
