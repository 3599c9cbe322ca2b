/** Reads metrics.jsonl as it grows. */
import { type MetricsRow, rowsOf } from 'mathformer/training';

/** Cuts bytes into rows; a torn line waits for its end. */
export class MetricsLines {
  #torn = new Uint8Array();

  /** Take the next bytes. @returns the rows that they complete; lines that are no rows are left out. */
  push(bytes: Uint8Array): readonly MetricsRow[] {
    const whole = new Uint8Array(this.#torn.length + bytes.length);
    whole.set(this.#torn);
    whole.set(bytes, this.#torn.length);
    const { rows, end } = rowsOf(whole);
    this.#torn = whole.slice(end);
    return rows;
  }
}
