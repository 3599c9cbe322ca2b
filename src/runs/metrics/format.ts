/** Formats of files of metrics. */
import type { MetricsRow } from '../../training/store.ts';

/** The place of a row. */
export interface Place {
  /** Rows before it. */
  readonly index: number;
  /** The names in the first row of all, in order. */
  readonly columns: readonly string[];
}

/** How rows become bytes, and where they end in a file that may be torn or damaged behind them. */
export interface MetricsFormat {
  /** A row, with what opens the file before the first one. */
  encode(row: MetricsRow, place: Place): Uint8Array;
  /** Offsets behind each complete row, in order, up to the first that is torn or damaged. */
  rowEnds(bytes: Uint8Array): Iterable<number>;
}
