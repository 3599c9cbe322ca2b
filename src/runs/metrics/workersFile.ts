/** `workers.jsonl` of a run on disk. It is made with its first rows, so that a run without workers has none. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { encodedRows } from '../../training/metricsLines.ts';
import { WORKERS_FILE } from '../../training/runRows.ts';
import type { MetricsRow, WorkerRow } from '../../training/store.ts';
import { keptWorkerRows } from '../../training/workerRows.ts';
import { readOrdinaryFile } from '../ordinaryFile.ts';
import { JSON_LINES } from './jsonl.ts';
import { RowFile } from './rowFile.ts';

const FIX = 'put a copy back, or remove it';

/** Append the rows of workers. */
export class WorkersFile implements Disposable {
  readonly #path: string;
  readonly #isNew: boolean;
  #file: RowFile | undefined;

  /**
   * Open the file of a resumed run, if it has one.
   * @param metrics the rows of metrics that a resumed run keeps; undefined for a new run. @throws FileError
   */
  constructor(directory: string, metrics: readonly MetricsRow[] | undefined) {
    this.#path = join(directory, WORKERS_FILE);
    this.#isNew = metrics === undefined;
    if (metrics === undefined || !existsSync(this.#path)) return;
    const keep = [...keptWorkerRows(readOrdinaryFile(this.#path, FIX), metrics)].length;
    this.#file = new RowFile(this.#path, JSON_LINES, { keep, fix: FIX });
  }

  /** Truncate the file to the steps of the metrics. */
  cut(): void {
    this.#file?.cut();
  }

  /** Append the rows of a step. They reach the operating system before this returns. */
  append(rows: readonly WorkerRow[]): void {
    if (rows.length === 0) return;
    this.#file ??= new RowFile(this.#path, JSON_LINES, { keep: this.#isNew ? undefined : 0, fix: FIX });
    this.#file.append(encodedRows(rows));
  }

  /** Sync the rows to the disk. */
  sync(): void {
    this.#file?.sync();
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }
}
