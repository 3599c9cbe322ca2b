/**
 * Metrics as CSV (RFC 4180, with newlines). The first row determines the columns. Later rows have empty fields for missing
 * columns and for values that are not finite; their additional values are only in metrics.jsonl.
 */
import { stringify } from 'csv-stringify/sync';
import type { MetricsFormat } from './format.ts';

const NEWLINE = 0x0a;
const QUOTE = 0x22;

const finiteOrEmpty = (value: number): string => (Number.isFinite(value) ? String(value) : '');

export const CSV: MetricsFormat = {
  encode: (row, { index, columns }) =>
    Buffer.from(
      stringify([row], { header: index === 0, columns: [...columns], cast: { number: finiteOrEmpty } }),
    ),

  *rowEnds(bytes) {
    let isQuoted = false;
    let isHeader = true;
    for (const [i, byte] of bytes.entries()) {
      if (byte === QUOTE) isQuoted = !isQuoted;
      if (byte !== NEWLINE || isQuoted) continue;
      if (!isHeader) yield i + 1;
      isHeader = false;
    }
  },
};
