/** A file that grows by whole rows, and can be cut back to its first ones. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from '../atomicFile.ts';
import { makeDirectory } from '../directory.ts';
import { FileError, withFileErrors } from '../fileError.ts';
import type { MetricsFormat } from './format.ts';

export class RowFile {
  readonly path: string;
  readonly #descriptor: number;
  readonly #made: { readonly file: boolean; readonly directory: boolean };
  /** The first of the rows to keep, with what opens the file; empty if none is to be kept. */
  readonly firstRow: Uint8Array;
  /** Bytes of whole rows. */
  #end: number;
  #isInDirectory = false;

  /**
   * Makes the file, or opens one to go on behind its first `keep` rows. Nothing is cut yet.
   * @param fix what to do if it has fewer rows. @throws FileError: ALREADY_EXISTS for a new one, ROWS_MISSING.
   */
  constructor(path: string, format: MetricsFormat, { keep, fix }: { keep: number | undefined; fix: string }) {
    this.path = path;
    const isNew = keep === undefined || !existsSync(path);
    const bytes = isNew ? new Uint8Array() : withFileErrors(path, () => readFileSync(path));
    const ends = endsOfRows(path, bytes, format, { keep: keep ?? 0, fix });
    this.#end = ends.at(-1) ?? 0;
    // A copy, so that the rest can go.
    this.firstRow = bytes.slice(0, ends[0] ?? 0);
    const directory = dirname(path);
    const hadDirectory = existsSync(directory);
    makeDirectory(directory);
    this.#descriptor = withFileErrors(path, () => openSync(path, isNew ? 'wx' : 'r+'));
    this.#made = { file: isNew, directory: !hadDirectory };
  }

  /** Cuts off what stands behind the rows to keep; a crash leaves either all of it or nothing. */
  cut(): void {
    withFileErrors(this.path, () => ftruncateSync(this.#descriptor, this.#end));
  }

  /** Appends a row; it reaches the operating system before this returns. */
  append(row: Uint8Array): void {
    withFileErrors(this.path, () => {
      try {
        // A disk that fills up takes a part of the bytes first and refuses the rest on the next call.
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

  /** Returns when the rows, and the file's name, are on the disk. */
  sync(): void {
    withFileErrors(this.path, () => fsyncSync(this.#descriptor));
    if (!this.#isInDirectory) withFileErrors(this.path, () => syncDirectory(dirname(this.path)));
    this.#isInDirectory = true;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** Closes the file, and removes it if it was made here, with its directory. */
  discard(): void {
    this.close();
    if (this.#made.file) unlinkSync(this.path);
    if (this.#made.directory) rmdirSync(dirname(this.path));
  }
}

/** Where each of the first `keep` rows ends. */
function endsOfRows(
  path: string,
  bytes: Uint8Array,
  format: MetricsFormat,
  { keep, fix }: { readonly keep: number; readonly fix: string },
): number[] {
  const ends: number[] = [];
  if (keep === 0) return ends;
  for (const end of format.rowEnds(bytes)) if (ends.push(end) === keep) return ends;
  const problem = `it has ${ends.length} whole rows of metrics, but ${keep} were written before the checkpoint`;
  throw new FileError('ROWS_MISSING', path, problem, fix);
}
