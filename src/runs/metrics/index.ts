/**
 * The metrics of a run: `metrics.jsonl`, and optionally a CSV file and a TensorBoard event file. All have the same rows. The rows
 * of workers are in `workers.jsonl`. A run that resumes from a checkpoint truncates them to the rows of that checkpoint.
 */
import { join } from 'node:path';
import { checkedInteger } from '../../base/arguments.ts';
import { parsedRows } from '../../training/metricsLines.ts';
import { METRICS_FILE } from '../../training/runRows.ts';
import type { MetricsRow, WorkerRow } from '../../training/store.ts';
import { checkOwnPath, isInside } from '../ownFile.ts';
import { CSV } from './csv.ts';
import type { MetricsFormat } from './format.ts';
import { JSON_LINES } from './jsonl.ts';
import { RowFile } from './rowFile.ts';
import { EVENT_FILE, TENSORBOARD } from './tensorBoard.ts';
import { WorkersFile } from './workersFile.ts';

export interface MetricsSinkOptions {
  /** Directory of `metrics.jsonl` and of `tensorboard/` with the event file. */
  readonly directory: string;
  /** Also write a CSV file to this path. If it is missing when a run is resumed, it is made from `metrics.jsonl`. */
  readonly csv?: string | undefined;
  /** Also write an event file for TensorBoard. */
  readonly tensorboard?: boolean | undefined;
  /** Continue existing files after their first `rows` rows. Without this, the files must not exist. */
  readonly resume?: { readonly rows: number } | undefined;
}

interface Output {
  readonly file: RowFile;
  readonly format: MetricsFormat;
}

/** Write every row to all files. */
export class MetricsSink implements Disposable {
  readonly #outputs: Output[] = [];
  #workers: WorkersFile | undefined;
  readonly #directory: string;
  readonly #keep: number | undefined;
  #rows: number;
  #columns: readonly string[] | undefined;

  /**
   * Make the files, or truncate them to the rows of `resume`, without half-written rows. After a failure no file is made or
   * changed.
   * @throws FileError: ALREADY_EXISTS, ROWS_MISSING if a file has fewer rows than `resume` requires, and others.
   */
  constructor({ directory, csv, tensorboard = false, resume }: MetricsSinkOptions) {
    this.#directory = directory;
    this.#keep = resume && checkedInteger('rows', resume.rows, 0, Number.MAX_SAFE_INTEGER);
    this.#rows = this.#keep ?? 0;
    try {
      const metrics = this.#open(join(directory, METRICS_FILE), JSON_LINES, {
        fix: 'put a copy back, or start a new run',
      });
      const rows = parsedRows(metrics.read());
      this.#workers = new WorkersFile(directory, resume && rows);
      const [first] = rows;
      if (first) this.#columns = Object.keys(first);
      if (csv !== undefined) {
        const fix = 'give the CSV file of this run, or a path where no file is, with --log_csv';
        this.#open(csv, CSV, { fix, expected: this.#encoded(rows, CSV) });
      }
      if (tensorboard) {
        const fix = 'put a copy back, or resume without --tensorboard: with --no_tensorboard';
        this.#open(join(directory, 'tensorboard', EVENT_FILE), TENSORBOARD, { fix });
      }
      for (const { file } of this.#outputs) file.cut();
      this.#workers.cut();
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Number of rows in every file. */
  get rows(): number {
    return this.#rows;
  }

  /** Append a row, and those of the workers. They reach the operating system before this returns. */
  log(row: MetricsRow, workers: readonly WorkerRow[] = []): void {
    this.#columns ??= Object.keys(row);
    const place = { index: this.#rows, columns: this.#columns };
    this.#workers?.append(workers);
    for (const { file, format } of this.#outputs) file.append(format.encode(row, place, workers));
    this.#rows++;
  }

  /** Sync all rows to the disk. A checkpoint that counts them must wait for this. */
  sync(): void {
    this.#workers?.sync();
    for (const { file } of this.#outputs) file.sync();
  }

  /** Close the files, and remove those that were made here. */
  discard(): void {
    for (const { file } of this.#outputs) file.discard();
    this.#workers?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#outputs) file.close();
    this.#workers?.[Symbol.dispose]();
  }

  #open(
    path: string,
    format: MetricsFormat,
    options: { readonly fix: string; readonly expected?: Uint8Array | undefined },
  ): RowFile {
    if (isInside(this.#directory, path)) checkOwnPath(this.#directory, path);
    const file = new RowFile(path, format, { keep: this.#keep, ...options });
    this.#outputs.push({ file, format });
    return file;
  }

  #encoded(rows: readonly MetricsRow[], format: MetricsFormat): Uint8Array {
    const columns = this.#columns ?? [];
    return Buffer.concat(rows.map((row, index) => format.encode(row, { index, columns })));
  }
}
