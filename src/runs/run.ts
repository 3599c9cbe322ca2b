/**
 * A run on disk, one directory of its own:
 *
 *     config.json        options, model, adapter, versions, commit: all that is needed to do it again
 *     metrics.jsonl      one row a step; also as CSV and in tensorboard/ if asked to
 *     evaluation.jsonl   the held-out problems; NAME_completions.jsonl: what a model answered to them
 *     summary.json       the results, once there are some
 *     checkpoints/       NAME.safetensors, and what is needed to go on from there (checkpoints.ts)
 *     lock               the process that writes to it
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../model/checkpoint/index.ts';
import { type FileOperations, removeTorn, writeAtomically } from './atomicFile.ts';
import { saveCheckpoint } from './checkpointFile.ts';
import { Checkpoints } from './checkpoints.ts';
import { makeEmptyDirectory } from './directory.ts';
import { withFileErrors } from './fileError.ts';
import { RunLock } from './lock.ts';
import { type MetricsRow, MetricsSink } from './metrics/index.ts';

export type RunKind = 'pipeline' | 'pretrain' | 'grpo' | 'evaluate';

export interface RunOptions {
  readonly kind: RunKind;
  /** Must not exist, or be empty, unless it is resumed; `runs/<time>-<kind>` if not given. */
  readonly directory?: string;
  /** Also write the metrics as CSV, to a file that does not exist yet. */
  readonly csv?: string;
  /** Also write the metrics for TensorBoard, to `tensorboard/`. */
  readonly tensorboard?: boolean;
  /** Written to config.json. */
  readonly config: object;
  /** Go on in a run that is there, behind the first `rows` rows of its metrics. */
  readonly resume?: { readonly rows: number } | undefined;
  readonly now?: Date;
  readonly files?: FileOperations;
}

export class Run implements Disposable {
  readonly directory: string;
  readonly checkpoints: Checkpoints;
  readonly #lock: RunLock;
  readonly #metrics: MetricsSink;
  readonly #files: FileOperations | undefined;

  /** Makes the directory. @throws FileError, e.g. ALREADY_EXISTS if it holds anything, or IN_USE. */
  constructor(options: RunOptions) {
    const { kind, directory, csv, tensorboard, config, resume, now = new Date(), files } = options;
    this.#files = files;
    this.directory = directory ?? freeDirectory('runs', kind, now);
    const existed = existsSync(this.directory);
    if (resume === undefined) makeEmptyDirectory(this.directory);
    this.#lock = new RunLock(this.directory);
    let metrics: MetricsSink | undefined;
    try {
      // First of all: with it, a run can be gone on with, whatever else is not there yet.
      if (resume === undefined) this.writeJson('config.json', config);
      metrics = new MetricsSink({ directory: this.directory, csv, tensorboard, resume });
      removeTorn(this.directory);
      this.checkpoints = new Checkpoints(join(this.directory, 'checkpoints'), files);
      if (resume !== undefined) this.writeJson('config.json', config);
      this.#metrics = metrics;
    } catch (error) {
      metrics?.discard();
      this.#lock[Symbol.dispose]();
      if (!existed) rmSync(this.directory, { recursive: true, force: true });
      else if (resume === undefined) rmSync(join(this.directory, 'config.json'), { force: true });
      throw error;
    }
  }

  /** Rows of the metrics so far, all of them on disk when this returns. */
  syncedRows(): number {
    this.#metrics.sync();
    return this.#metrics.rows;
  }

  /** Appends a row to the metrics; it reaches the operating system before this returns. */
  log(row: MetricsRow): void {
    this.#metrics.log(row);
  }

  /** Writes a JSON file atomically and returns its path. */
  writeJson(name: string, value: unknown): string {
    return this.#write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Writes rows as JSON lines atomically and returns the path. */
  writeLines(name: string, rows: readonly object[]): string {
    return this.#write(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  /** The rows of a file that `writeLines` wrote; undefined if there is none. */
  readLines(name: string): unknown[] | undefined {
    const path = join(this.directory, name);
    if (!existsSync(path)) return undefined;
    const lines = withFileErrors(path, () => readFileSync(path, 'utf8')).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** Writes weights alone as `checkpoints/<name>.safetensors`, atomically, and returns the path. */
  saveCheckpoint(name: string, checkpoint: Checkpoint): string {
    const path = join(this.directory, 'checkpoints', `${name}.safetensors`);
    saveCheckpoint(path, checkpoint, this.#files);
    return path;
  }

  [Symbol.dispose](): void {
    this.#metrics[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
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
