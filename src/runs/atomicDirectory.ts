/** Atomic directories: they exist completely or not at all. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type FileOperations, syncDirectory, writeAtomically } from './atomicFile.ts';
import { makeEmptyDirectory } from './directory.ts';
import { withFileErrors } from './fileError.ts';

/**
 * Write files to a temporary directory, and rename it to `path`, which must not exist, or be empty. After a failure `path` is
 * unchanged.
 * @throws FileError, e.g. ALREADY_EXISTS or DISK_FULL.
 */
export function writeDirectoryAtomically(
  path: string,
  contents: ReadonlyMap<string, Uint8Array | string>,
  files?: FileOperations,
): void {
  const existed = existsSync(path);
  makeEmptyDirectory(path);
  withFileErrors(path, () => {
    const target = realpathSync(path);
    const temporary = join(dirname(target), `.${basename(target)}.${randomUUID().slice(0, 8)}.tmp`);
    try {
      mkdirSync(temporary);
      for (const [name, content] of contents) writeAtomically(join(temporary, name), content, files);
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
