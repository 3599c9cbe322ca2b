/**
 * A run on disk, one directory of its own:
 *
 *     config.json        options, model, adapter, versions, commit: all that is needed to do it again
 *     metrics.jsonl      one row a step
 *     evaluation.jsonl   the held-out problems; NAME_completions.jsonl: what a model answered to them
 *     summary.json       the results, once there are some
 *     checkpoints/       NAME.safetensors
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'csv-stringify/sync';
import type { Checkpoint } from '../model/checkpoint/index.ts';
import { type FileOperations, writeAtomically } from './atomicFile.ts';
import { saveCheckpoint } from './checkpointFile.ts';
import { FileError, withFileErrors } from './fileError.ts';

export type RunKind = 'pipeline' | 'pretrain' | 'grpo' | 'evaluate';

export interface RunOptions {
  readonly kind: RunKind;
  /** Must not exist, or be empty; `runs/<time>-<kind>` if not given. */
  readonly directory?: string;
  /** Also write the metrics as CSV, to a file that does not exist yet. */
  readonly csv?: string;
  /** Written to config.json. */
  readonly config: object;
  readonly now?: Date;
  readonly files?: FileOperations;
}

/** A value of a metric; null where it was not measured. */
export type Metric = number | string | null;

export class Run implements Disposable {
  readonly directory: string;
  readonly #metrics: LineFile;
  readonly #csv: CsvFile | undefined;
  readonly #files: FileOperations | undefined;

  /** Makes the directory. @throws FileError, e.g. ALREADY_EXISTS if it holds anything. */
  constructor({ kind, directory, csv, config, now = new Date(), files }: RunOptions) {
    this.#files = files;
    this.directory = directory ?? freeDirectory('runs', kind, now);
    const existed = existsSync(this.directory);
    makeEmptyDirectory(this.directory);
    try {
      // After the directory, as the CSV file may lie in it.
      this.#csv = csv === undefined ? undefined : new CsvFile(csv);
      withFileErrors(this.directory, () => mkdirSync(join(this.directory, 'checkpoints')));
      this.writeJson('config.json', config);
      this.#metrics = new LineFile(join(this.directory, 'metrics.jsonl'));
    } catch (error) {
      this.#csv?.remove();
      if (!existed) rmSync(this.directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Appends a row to the metrics; it reaches the operating system before this returns. */
  log(row: Readonly<Record<string, Metric>>): void {
    this.#metrics.write(`${JSON.stringify(row)}\n`);
    this.#csv?.write(row);
  }

  /** Writes a JSON file atomically and returns its path. */
  writeJson(name: string, value: unknown): string {
    return this.#write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Writes rows as JSON lines atomically and returns the path. */
  writeLines(name: string, rows: readonly object[]): string {
    return this.#write(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  /** Writes `checkpoints/<name>.safetensors` atomically and returns its path. */
  saveCheckpoint(name: string, checkpoint: Checkpoint): string {
    const path = join(this.directory, 'checkpoints', `${name}.safetensors`);
    saveCheckpoint(path, checkpoint, this.#files);
    return path;
  }

  [Symbol.dispose](): void {
    this.#metrics.close();
    this.#csv?.close();
  }

  #write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeAtomically(path, text, this.#files);
    return path;
  }
}

/** `runs/2026-03-01T12-30-05-grpo`, in UTC; with a number behind it if that one was taken within the second. */
function freeDirectory(parent: string, kind: RunKind, now: Date): string {
  const time = now.toISOString().slice(0, 19).replaceAll(':', '-');
  const wanted = join(parent, `${time}-${kind}`);
  let directory = wanted;
  for (let n = 2; existsSync(directory); n++) directory = `${wanted}-${n}`;
  return directory;
}

function makeEmptyDirectory(path: string): void {
  makeDirectory(path);
  withFileErrors(path, () => {
    if (readdirSync(path).length === 0) return;
    throw new FileError(
      'ALREADY_EXISTS',
      path,
      'the directory is not empty',
      'choose another --out, so that no earlier run is overwritten',
    );
  });
}

/** Makes a directory and those above it. Node's own recursive mkdir never returns where the system answers ENOENT. */
function makeDirectory(path: string): void {
  withFileErrors(path, () => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = dirname(path);
    if (parent !== path) makeDirectory(parent);
    mkdirSync(path);
  });
}

/** A file that grows line by line. */
class LineFile {
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = withFileErrors(path, () => openSync(path, 'wx'));
  }

  write(text: string): void {
    const bytes = Buffer.from(text);
    withFileErrors(this.#path, () => {
      // A disk that fills up takes a part of the bytes first and refuses the rest on the next call.
      for (let sent = 0; sent < bytes.length; ) sent += writeSync(this.#descriptor, bytes, sent);
    });
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  remove(): void {
    this.close();
    unlinkSync(this.#path);
  }
}

/** The columns are those of the first row. */
class CsvFile {
  readonly #file: LineFile;
  #columns: readonly string[] | undefined;

  constructor(path: string) {
    makeDirectory(dirname(path));
    this.#file = new LineFile(path);
  }

  write(row: Readonly<Record<string, Metric>>): void {
    const header = this.#columns === undefined;
    this.#columns ??= Object.keys(row);
    this.#file.write(stringify([row], { header, columns: [...this.#columns] }));
  }

  close(): void {
    this.#file.close();
  }

  remove(): void {
    this.#file.remove();
  }
}
