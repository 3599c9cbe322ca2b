/** Make and remove directories. */
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileError, withFileErrors } from './fileError.ts';

/**
 * Make a directory and its parents. Node's own recursive mkdir never returns if the system keeps answering ENOENT.
 * @throws FileError
 */
export function makeDirectory(path: string): void {
  withFileErrors(path, () => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = dirname(path);
    if (parent !== path) makeDirectory(parent);
    mkdirSync(path);
  });
}

/** Make a directory and its parents, or accept an empty one. @throws FileError */
export function makeEmptyDirectory(path: string, choice?: string): void {
  makeDirectory(path);
  withFileErrors(path, () => {
    if (readdirSync(path).length > 0) throw notEmpty(path, choice);
  });
}

/** Return the error for a directory that must be empty. @param choice the user's words for it. Default: `--out`. */
export function notEmpty(path: string, choice = '--out'): FileError {
  const fix = `choose another ${choice}, so that nothing is overwritten`;
  return new FileError('ALREADY_EXISTS', path, 'the directory is not empty', fix);
}

/** Remove a directory if it is empty. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // The first failure is reported, not this one.
  }
}
