/**
 * The files of one run, wherever they lie: on disk, in the private files of a browser's origin, in memory, or behind a server. Names are
 * relative to the run's directory, with `/`, such as `trace/step10.safetensors`.
 */
import type { Awaitable } from './store.ts';

/** A file in a list. */
export interface ListedFile {
  readonly name: string;
  /** Size in bytes. */
  readonly bytes: number;
  /** Time of the last change, in milliseconds since 1970; 0 if unknown. */
  readonly modified: number;
}

/** Reads the files of a run. */
export interface RunFiles {
  /** List all files, in the order of their names. */
  list(): Awaitable<readonly ListedFile[]>;
  /**
   * Read a file.
   * @param from offset in bytes of the first byte to read. Default: 0.
   * @returns the bytes from there to the end, none behind the end; undefined if there is no such file.
   */
  read(name: string, from?: number): Awaitable<Uint8Array | undefined>;
}

/** Reads and writes the files of a run. */
export interface WritableRunFiles extends RunFiles {
  /** Write a file whole or not at all. A file of that name is replaced. @throws MathformerError, e.g. if no space is left. */
  write(name: string, bytes: Uint8Array): Awaitable<void>;
  /** Append to a file, or make it. When this is done, the end of the process does not lose the bytes. */
  append(name: string, bytes: Uint8Array): Awaitable<void>;
  /** Cut a file to its first `bytes` bytes. */
  truncate(name: string, bytes: number): Awaitable<void>;
  /** Remove a file, if it is there. */
  remove(name: string): Awaitable<void>;
}
