/** Reading files that somebody else may have put there. */
import { readFileSync, statSync } from 'node:fs';
import { FileError, withFileErrors } from './fileError.ts';

/**
 * Read a file. A pipe, which would be waited for without end, a device, which may never end, and a directory are refused.
 * @param fix what to give instead. @throws FileError
 */
export function readOrdinaryFile(path: string, fix: string): Buffer {
  return withFileErrors(path, () => {
    if (statSync(path).isFile()) return readFileSync(path);
    throw new FileError('NOT_A_FILE', path, 'it is no ordinary file', fix);
  });
}
