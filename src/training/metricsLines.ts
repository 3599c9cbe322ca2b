/** Metrics as JSON lines, with all values. NaN and infinities, which JSON lacks, become null. */
import { jsonObject } from '../base/json.ts';
import type { MetricsRow } from './store.ts';

const NEWLINE = 0x0a;

/** Encode rows as a line each. */
export function encodedRows(rows: readonly object[]): Uint8Array {
  return new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** Return the end offset of each complete row, in order, up to the first torn or damaged one, or one that is not to be kept. */
export function* rowEnds(
  bytes: Uint8Array,
  isKept: (row: Readonly<Record<string, unknown>>) => boolean = () => true,
): Generator<number> {
  for (let start = 0; ; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const row = newline < 0 ? undefined : jsonObject(textOf(bytes.subarray(start, newline)));
    if (row === undefined || !isKept(row)) return;
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
