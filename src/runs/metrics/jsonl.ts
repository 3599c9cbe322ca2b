/** Metrics as JSON lines: every value of every row. NaN and infinities, which JSON does not have, become null. */
import type { MetricsFormat } from './format.ts';

const NEWLINE = 0x0a;

export const JSON_LINES: MetricsFormat = {
  encode: (row) => Buffer.from(`${JSON.stringify(row)}\n`),

  *rowEnds(bytes) {
    for (let start = 0; ; ) {
      const newline = bytes.indexOf(NEWLINE, start);
      if (newline < 0 || !isJson(bytes.subarray(start, newline))) return;
      start = newline + 1;
      yield start;
    }
  },
};

/** The names in a row, in order. */
export function columnsOf(row: Uint8Array): string[] {
  return Object.keys(JSON.parse(textOf(row)));
}

function isJson(line: Uint8Array): boolean {
  try {
    JSON.parse(textOf(line));
    return true;
  } catch {
    return false;
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
