/** Read untrusted files. */
import { readFileSync, statSync } from 'node:fs';
import { FileError, withFileErrors } from './fileError.ts';

/**
 * Read a file. Pipes and devices, which may never end, and directories are refused.
 * @param fix the fix in the error. @throws FileError
 */
export function readOrdinaryFile(path: string, fix: string): Buffer {
  return withFileErrors(path, () => {
    if (statSync(path).isFile()) return readFileSync(path);
    throw new FileError('NOT_A_FILE', path, 'it is no ordinary file', fix);
  });
}
