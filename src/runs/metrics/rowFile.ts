/** A file to which whole rows are appended, and which can be truncated to its first rows. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  readFileSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory, writeAtomically } from '../atomicFile.ts';
import { makeDirectory, removeIfEmpty } from '../directory.ts';
import { FileError, withFileErrors } from '../fileError.ts';
import { openOwnFile } from '../ownFile.ts';
import type { MetricsFormat } from './format.ts';

/** Options of opening a file of rows. */
export interface RowFileOptions {
  /** Number of rows to keep; undefined for a file that must not exist yet. */
  readonly keep: number | undefined;
  /** The fix in the error if the file has fewer rows. */
  readonly fix: string;
  /** The bytes of the rows to keep, if known. They recreate a missing file; a file with other rows is refused. */
  readonly expected?: Uint8Array | undefined;
}

export class RowFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #made: { readonly file: boolean; readonly directory: boolean };
  /** Size of the complete rows, in bytes. */
  #end: number;
  #isInDirectory = false;

  /**
   * Make the file, or open one to continue after its first `keep` rows. It is not truncated yet.
   * @throws FileError: ALREADY_EXISTS for a new one, ROWS_MISSING, NOT_A_FILE for a link.
   */
  constructor(path: string, format: MetricsFormat, options: RowFileOptions) {
    this.path = path;
    const { keep = 0, expected } = options;
    const isMissing = options.keep === undefined || !existsSync(path);
    if (isMissing && keep > 0 && expected === undefined) throw rowsMissing(path, 0, options);
    const directory = dirname(path);
    const hadDirectory = existsSync(directory);
    makeDirectory(directory);
    try {
      const isRebuilt = isMissing && keep > 0 && expected !== undefined;
      if (isRebuilt) writeAtomically(path, expected);
      this.#descriptor = openOwnFile(path, isMissing && !isRebuilt ? 'new' : 'existing');
    } catch (error) {
      if (!hadDirectory) removeIfEmpty(directory);
      throw error;
    }
    this.#made = { file: isMissing, directory: !hadDirectory };
    try {
      const bytes = withFileErrors(path, () => readFileSync(this.#descriptor));
      this.#end = endOfRows(path, bytes, format, options);
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  /** Return the bytes of the rows so far. */
  read(): Uint8Array {
    const bytes = new Uint8Array(this.#end);
    withFileErrors(this.path, () => readSync(this.#descriptor, bytes, 0, this.#end, 0));
    return bytes;
  }

  /** Truncate the file to the rows to keep. After a crash, either all other rows are there or none. */
  cut(): void {
    withFileErrors(this.path, () => ftruncateSync(this.#descriptor, this.#end));
  }

  /** Append a row. It reaches the operating system before this returns. */
  append(row: Uint8Array): void {
    withFileErrors(this.path, () => {
      try {
        // A disk that becomes full writes a part of the bytes first, and refuses the rest at the next call.
        for (let sent = 0; sent < row.length; ) {
          sent += writeSync(this.#descriptor, row, sent, row.length - sent, this.#end + sent);
        }
      } catch (error) {
        ftruncateSync(this.#descriptor, this.#end);
        throw error;
      }
    });
    this.#end += row.length;
  }

  /** Sync the rows and the file's name to the disk. */
  sync(): void {
    withFileErrors(this.path, () => fsyncSync(this.#descriptor));
    if (!this.#isInDirectory) withFileErrors(this.path, () => syncDirectory(dirname(this.path)));
    this.#isInDirectory = true;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** Close the file, and remove it if it was made here, with its directory. */
  discard(): void {
    this.close();
    if (this.#made.file) unlinkSync(this.path);
    if (this.#made.directory) removeIfEmpty(dirname(this.path));
  }
}

/** Return the end offset of the last row to keep. */
function endOfRows(path: string, bytes: Uint8Array, format: MetricsFormat, options: RowFileOptions): number {
  const { keep = 0, expected } = options;
  let [found, end] = [0, 0];
  for (const each of keep === 0 ? [] : format.rowEnds(bytes)) {
    end = each;
    if (++found === keep) break;
  }
  if (found < keep) throw rowsMissing(path, found, options);
  if (expected === undefined || Buffer.compare(bytes.subarray(0, end), expected) === 0) return end;
  throw new FileError('ROWS_MISSING', path, 'its rows of metrics are not those of this run', options.fix);
}

function rowsMissing(path: string, found: number, { keep, fix }: RowFileOptions): FileError {
  const problem = `it has ${found} whole rows of metrics, but ${keep} were written before the checkpoint`;
  return new FileError('ROWS_MISSING', path, problem, fix);
}
