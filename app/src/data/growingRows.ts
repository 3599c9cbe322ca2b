/** Reads a file of JSON lines as it grows, such as metrics.jsonl. */
import { CHECKED_BYTES, checkOf, type ReadRows } from 'mathformer/training';

/** Cuts bytes into rows; a torn line waits for its end. */
export class GrowingRows<Row> {
  #end = 0;
  /** The last bytes that were taken, by which a file that was cut and grew again is told apart. */
  #tail = new Uint8Array();
  #torn = new Uint8Array();

  constructor(private readonly rowsOf: (bytes: Uint8Array) => ReadRows<Row>) {}

  /** Number of bytes that were taken. */
  get end(): number {
    return this.#end;
  }

  /** Take the next bytes. @returns the rows that they complete; lines that are no rows are left out. */
  push(bytes: Uint8Array): readonly Row[] {
    this.#end += bytes.length;
    const last = [...this.#tail, ...bytes.subarray(-CHECKED_BYTES)].slice(-CHECKED_BYTES);
    this.#tail = Uint8Array.from(last);
    const whole = new Uint8Array(this.#torn.length + bytes.length);
    whole.set(this.#torn);
    whole.set(bytes, this.#torn.length);
    const { rows, end } = this.rowsOf(whole);
    this.#torn = whole.slice(end);
    return rows;
  }

  /**
   * Read the bytes behind those that were taken; undefined if those are no longer part of the file.
   * @param read returns the bytes of the file from an offset on.
   */
  async rest(read: (from: number) => Promise<Uint8Array>): Promise<Uint8Array | undefined> {
    const tail = this.#tail;
    const bytes = await read(this.#end - tail.length);
    const isSame = checkOf(bytes.subarray(0, tail.length)) === checkOf(tail);
    return isSame ? bytes.subarray(tail.length) : undefined;
  }
}
