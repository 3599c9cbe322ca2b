/** Metrics as JSON lines, with all values. NaN and infinities, which JSON lacks, become null. */
import { jsonObject } from '../base/json.ts';
import type { MetricsRow } from './store.ts';

const NEWLINE = 0x0a;

/** Encode a row as a line. */
export function encodedRow(row: MetricsRow): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(row)}\n`);
}

/** Return the end offset of each complete row, in order, up to the first torn or damaged one. */
export function* rowEnds(bytes: Uint8Array): Generator<number> {
  for (let start = 0; ; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    if (newline < 0 || !jsonObject(textOf(bytes.subarray(start, newline)))) return;
    start = newline + 1;
    yield start;
  }
}

/** Parse the bytes of complete rows. */
export function parsedRows(bytes: Uint8Array): MetricsRow[] {
  const lines = textOf(bytes).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
