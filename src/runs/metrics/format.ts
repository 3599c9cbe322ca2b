/** What a file of metrics is written in. */

/** A value of a metric; null where it was not measured. */
export type Metric = number | string | null;

/** The metrics of a step of a phase (`pretrain` or `grpo`), counted from 1 in each phase. */
export interface MetricsRow {
  readonly phase: string;
  readonly step: number;
  readonly [name: string]: Metric;
}

/** Where a row stands. */
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
