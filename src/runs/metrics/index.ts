/**
 * Where the metrics of a run go: `metrics.jsonl` always, a CSV file and a TensorBoard event file if wanted. All hold the
 * same rows, so that a run that is resumed from a checkpoint cuts them back to the rows of that checkpoint.
 */
import { join } from 'node:path';
import { checkedInteger } from '../../math/errors.ts';
import { CSV } from './csv.ts';
import type { MetricsFormat, MetricsRow } from './format.ts';
import { columnsOf, JSON_LINES } from './jsonl.ts';
import { RowFile } from './rowFile.ts';
import { EVENT_FILE, TENSORBOARD } from './tensorBoard.ts';

export type { Metric, MetricsRow } from './format.ts';

export interface MetricsSinkOptions {
  /** Holds `metrics.jsonl`, and `tensorboard/` with the event file. */
  readonly directory: string;
  /** Also write a CSV file, to this path. */
  readonly csv?: string | undefined;
  /** Also write an event file for TensorBoard. */
  readonly tensorboard?: boolean | undefined;
  /** Go on in files that are there, behind their first `rows` rows. Without this, they must not be there. */
  readonly resume?: { readonly rows: number } | undefined;
}

interface Output {
  readonly file: RowFile;
  readonly format: MetricsFormat;
}

/** Writes every row to every file, one after the other. */
export class MetricsSink implements Disposable {
  readonly #outputs: Output[] = [];
  readonly #keep: number | undefined;
  #rows: number;
  #columns: readonly string[] | undefined;

  /**
   * Makes the files, or cuts them back to the rows of `resume`: to whole rows, without what a crash left half written.
   * After a failure no file was made or changed.
   * @throws FileError: ALREADY_EXISTS, ROWS_MISSING if a file has fewer rows than `resume` wants, and others.
   */
  constructor({ directory, csv, tensorboard = false, resume }: MetricsSinkOptions) {
    this.#keep = resume && checkedInteger('rows', resume.rows, 0, Number.MAX_SAFE_INTEGER);
    this.#rows = this.#keep ?? 0;
    try {
      const metrics = join(directory, 'metrics.jsonl');
      const { firstRow } = this.#open(metrics, JSON_LINES, 'put a copy back, or start a new run');
      if (this.#rows > 0) this.#columns = columnsOf(firstRow);
      if (csv !== undefined) this.#open(csv, CSV, 'put a copy back, or go on without --log_csv');
      if (tensorboard) {
        const events = join(directory, 'tensorboard', EVENT_FILE);
        this.#open(events, TENSORBOARD, 'put a copy back, or go on without --tensorboard');
      }
      for (const { file } of this.#outputs) file.cut();
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Rows in every file. */
  get rows(): number {
    return this.#rows;
  }

  /** Appends a row; it reaches the operating system before this returns. */
  log(row: MetricsRow): void {
    this.#columns ??= Object.keys(row);
    const place = { index: this.#rows, columns: this.#columns };
    for (const { file, format } of this.#outputs) file.append(format.encode(row, place));
    this.#rows++;
  }

  /** Returns when all rows are on the disk: what a checkpoint that counts them must wait for. */
  sync(): void {
    for (const { file } of this.#outputs) file.sync();
  }

  /** Closes the files and removes those that were made here. */
  discard(): void {
    for (const { file } of this.#outputs) file.discard();
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#outputs) file.close();
  }

  #open(path: string, format: MetricsFormat, fix: string): RowFile {
    const file = new RowFile(path, format, { keep: this.#keep, fix });
    this.#outputs.push({ file, format });
    return file;
  }
}
