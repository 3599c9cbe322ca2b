/**
 * A run on disk, in one directory:
 *
 *     config.json        options, model, adapter, versions, commit: everything needed to repeat the run
 *     metrics.jsonl      one row per step; optionally also as CSV and in tensorboard/
 *     workers.jsonl      one row per worker and step, if other machines take part
 *     csv.json           the path of the CSV file, if there is one
 *     evaluation.jsonl   the held-out problems; NAME_completions.jsonl: a model's answers to them
 *     trace/             stepN.safetensors: groups of a step of GRPO, token by token
 *     summary.json       the results, once there are some
 *     checkpoints/       NAME.safetensors, and the files needed to resume (checkpoints.ts)
 *     lock               the process that writes to it
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Checkpoint } from '../formats/index.ts';
import { MANIFEST } from '../training/checkpointFormat.ts';
import type { RunKind } from '../training/runConfig.ts';
import type { MetricsRow, StoredRun, WorkerRow } from '../training/store.ts';
import { type FileOperations, removeTorn, writeAtomically } from './atomicFile.ts';
import { saveCheckpoint } from './checkpointFile.ts';
import { Checkpoints } from './checkpoints.ts';
import { CSV_RECORD, csvRecord } from './csvPlace.ts';
import { makeDirectory, makeEmptyDirectory, notEmpty, removeIfEmpty } from './directory.ts';
import { withFileErrors } from './fileError.ts';
import { RunLock } from './lock.ts';
import { MetricsSink } from './metrics/index.ts';
import { readOrdinaryFile } from './ordinaryFile.ts';
import { checkOwnPath } from './ownFile.ts';

export interface RunOptions {
  readonly kind: RunKind;
  /** Must not exist, or be empty, unless the run is resumed. Default: `runs/<time>-<kind>`. */
  readonly directory?: string | undefined;
  /** Also write the metrics as CSV: to a new file, or for a resumed run to the run's own file. */
  readonly csv?: string | undefined;
  /** Also write the metrics for TensorBoard, to `tensorboard/`. */
  readonly tensorboard?: boolean | undefined;
  /** The content of config.json. */
  readonly config: object;
  /** Resume an existing run after the first `rows` rows of its metrics. */
  readonly resume?: { readonly rows: number } | undefined;
  readonly now?: Date;
  readonly files?: FileOperations;
}

export class Run implements StoredRun, Disposable {
  readonly directory: string;
  readonly checkpoints: Checkpoints;
  readonly #lock: RunLock;
  readonly #metrics: MetricsSink;
  readonly #files: FileOperations | undefined;

  /** Make the directory. @throws FileError, e.g. ALREADY_EXISTS if it holds anything, or IN_USE. */
  constructor(options: RunOptions) {
    const { kind, directory, csv, tensorboard, config, resume, now = new Date(), files } = options;
    this.#files = files;
    const isNew = resume === undefined;
    const existed = directory !== undefined && existsSync(directory);
    this.directory = directory ?? newDirectory('runs', kind, now);
    this.#lock = isNew ? lockEmpty(this.directory) : new RunLock(this.directory);
    let metrics: MetricsSink | undefined;
    try {
      // Write it first: a run with a config can be resumed, even without any other file.
      if (isNew) this.writeJson('config.json', config);
      const checkpoints = join(this.directory, 'checkpoints');
      checkOwnPath(this.directory, join(checkpoints, MANIFEST));
      metrics = new MetricsSink({ directory: this.directory, csv, tensorboard, resume });
      removeTorn(this.directory);
      this.checkpoints = new Checkpoints(checkpoints, files);
      if (csv === undefined) rmSync(join(this.directory, CSV_RECORD), { force: true });
      else this.writeJson(CSV_RECORD, csvRecord(this.directory, csv));
      if (!isNew) this.writeJson('config.json', config);
      this.#metrics = metrics;
    } catch (error) {
      metrics?.discard();
      if (isNew) this.#removeNew();
      this.#lock[Symbol.dispose]();
      if (isNew && !existed) removeIfEmpty(this.directory);
      throw error;
    }
  }

  syncedRows(): number {
    this.#metrics.sync();
    return this.#metrics.rows;
  }

  log(row: MetricsRow, workers: readonly WorkerRow[] = []): void {
    this.#metrics.log(row, workers);
  }

  writeJson(name: string, value: unknown): string {
    return this.#write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  writeLines(name: string, rows: readonly object[]): string {
    return this.#write(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  writeBytes(name: string, bytes: Uint8Array): string {
    const path = join(this.directory, name);
    checkOwnPath(this.directory, path);
    makeDirectory(dirname(path));
    return this.#write(name, bytes);
  }

  readLines(name: string): unknown[] | undefined {
    const path = join(this.directory, name);
    if (!existsSync(path)) return undefined;
    const lines = readOrdinaryFile(path, 'put a copy back').toString('utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  saveCheckpoint(name: string, checkpoint: Checkpoint): string {
    const path = join(this.directory, 'checkpoints', `${name}.safetensors`);
    saveCheckpoint(path, checkpoint, this.#files);
    return path;
  }

  close(): void {
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#metrics[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
  }

  /** Remove the files that the constructor of a new run made. */
  #removeNew(): void {
    for (const name of ['config.json', CSV_RECORD, 'checkpoints']) {
      rmSync(join(this.directory, name), { recursive: true, force: true });
    }
  }

  #write(name: string, content: string | Uint8Array): string {
    const path = join(this.directory, name);
    writeAtomically(path, content, this.#files);
    return path;
  }
}

/** Lock a new or empty directory. @throws FileError, ALREADY_EXISTS or IN_USE. */
function lockEmpty(directory: string): RunLock {
  makeEmptyDirectory(directory);
  const lock = new RunLock(directory);
  // Another process may have used the directory and ended before it was locked here.
  if (readdirSync(directory).every((name) => name === 'lock')) return lock;
  lock[Symbol.dispose]();
  throw notEmpty(directory);
}

/** Make `runs/2026-03-01T12-30-05-grpo`, in UTC; with a number appended if it exists already. */
export function newDirectory(parent: string, kind: RunKind, now: Date): string {
  const time = now.toISOString().slice(0, 19).replaceAll(':', '-');
  const wanted = join(parent, `${time}-${kind}`);
  makeDirectory(parent);
  for (let n = 1; ; n++) {
    const directory = n === 1 ? wanted : `${wanted}-${n}`;
    if (isMadeHere(directory)) return directory;
  }
}

/** Make a directory. Return false if the name exists. */
function isMadeHere(directory: string): boolean {
  return withFileErrors(directory, () => {
    try {
      mkdirSync(directory);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    }
  });
}
