/**
 * A run on disk, one directory of its own:
 *
 *     config.json        options, model, adapter, versions, commit: all that is needed to do it again
 *     metrics.jsonl      one row a step; also as CSV and in tensorboard/ if asked to
 *     evaluation.jsonl   the held-out problems; NAME_completions.jsonl: what a model answered to them
 *     summary.json       the results, once there are some
 *     checkpoints/       NAME.safetensors
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../model/checkpoint/index.ts';
import { type FileOperations, writeAtomically } from './atomicFile.ts';
import { saveCheckpoint } from './checkpointFile.ts';
import { makeEmptyDirectory } from './directory.ts';
import { withFileErrors } from './fileError.ts';
import { type MetricsRow, MetricsSink } from './metrics/index.ts';

export type RunKind = 'pipeline' | 'pretrain' | 'grpo' | 'evaluate';

export interface RunOptions {
  readonly kind: RunKind;
  /** Must not exist, or be empty; `runs/<time>-<kind>` if not given. */
  readonly directory?: string;
  /** Also write the metrics as CSV, to a file that does not exist yet. */
  readonly csv?: string;
  /** Also write the metrics for TensorBoard, to `tensorboard/`. */
  readonly tensorboard?: boolean;
  /** Written to config.json. */
  readonly config: object;
  readonly now?: Date;
  readonly files?: FileOperations;
}

export class Run implements Disposable {
  readonly directory: string;
  readonly #metrics: MetricsSink;
  readonly #files: FileOperations | undefined;

  /** Makes the directory. @throws FileError, e.g. ALREADY_EXISTS if it holds anything. */
  constructor({ kind, directory, csv, tensorboard, config, now = new Date(), files }: RunOptions) {
    this.#files = files;
    this.directory = directory ?? freeDirectory('runs', kind, now);
    const existed = existsSync(this.directory);
    makeEmptyDirectory(this.directory);
    let metrics: MetricsSink | undefined;
    try {
      // After the directory, as the CSV file may lie in it; before anything else, as that file may exist already.
      metrics = new MetricsSink({ directory: this.directory, csv, tensorboard });
      withFileErrors(this.directory, () => mkdirSync(join(this.directory, 'checkpoints')));
      this.writeJson('config.json', config);
      this.#metrics = metrics;
    } catch (error) {
      metrics?.discard();
      if (!existed) rmSync(this.directory, { recursive: true, force: true });
      throw error;
    }
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

  /** Writes `checkpoints/<name>.safetensors` atomically and returns its path. */
  saveCheckpoint(name: string, checkpoint: Checkpoint): string {
    const path = join(this.directory, 'checkpoints', `${name}.safetensors`);
    saveCheckpoint(path, checkpoint, this.#files);
    return path;
  }

  [Symbol.dispose](): void {
    this.#metrics[Symbol.dispose]();
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
