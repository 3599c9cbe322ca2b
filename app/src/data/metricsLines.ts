/** Reads metrics.jsonl as it grows. */
import type { MetricsRow } from 'mathformer/training';

const NEWLINE = 0x0a;

/** Cuts bytes into rows; the last line waits for its end. */
export class MetricsLines {
  readonly #decoder = new TextDecoder();
  #rest = new Uint8Array();

  /** Take the next bytes. @returns the rows that they complete; lines that are no rows are left out. */
  push(bytes: Uint8Array): MetricsRow[] {
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      this.#rest = joined(this.#rest, bytes);
      return [];
    }
    const text = this.#decoder.decode(joined(this.#rest, bytes.subarray(0, end)));
    this.#rest = bytes.slice(end);
    return text.split('\n').flatMap((line) => parseRow(line) ?? []);
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function parseRow(line: string): MetricsRow | undefined {
  if (line === '') return undefined;
  try {
    const row: unknown = JSON.parse(line);
    return isRow(row) ? row : undefined;
  } catch {
    return undefined;
  }
}

const isRow = (value: unknown): value is MetricsRow =>
  typeof value === 'object' &&
  value !== null &&
  'phase' in value &&
  typeof value.phase === 'string' &&
  'step' in value &&
  typeof value.step === 'number';
