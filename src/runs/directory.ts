/** Making directories. */
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileError, withFileErrors } from './fileError.ts';

/**
 * Makes a directory and those above it. Node's own recursive mkdir never returns where the system answers ENOENT.
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

/** Make a directory and those above it, or take one that is there and empty. @throws FileError */
export function makeEmptyDirectory(path: string): void {
  makeDirectory(path);
  withFileErrors(path, () => {
    if (readdirSync(path).length > 0) throw notEmpty(path);
  });
}

/** The error for a directory that must hold nothing. */
export function notEmpty(path: string): FileError {
  const fix = 'choose another --out, so that nothing is overwritten';
  return new FileError('ALREADY_EXISTS', path, 'the directory is not empty', fix);
}

/** Remove a directory that was made for nothing; one that holds something stays. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // The failure that led here is the one to report.
  }
}
