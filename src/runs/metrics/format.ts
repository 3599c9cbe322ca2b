/** Formats of files of metrics. */
import type { MetricsRow, WorkerRow } from '../../training/store.ts';

/** The position of a row. */
export interface Place {
  /** Number of rows before it. */
  readonly index: number;
  /** The names in the first row of the file, in order. */
  readonly columns: readonly string[];
}

/** A file format of rows: encode them, and find their ends in a file that may be torn or damaged. */
export interface MetricsFormat {
  /** Encode a row; before the first one, also the header of the file. @param workers of the step, for formats that have them. */
  encode(row: MetricsRow, place: Place, workers?: readonly WorkerRow[]): Uint8Array;
  /** Return the end offset of each complete row, in order, up to the first torn or damaged one. */
  rowEnds(bytes: Uint8Array): Iterable<number>;
}
