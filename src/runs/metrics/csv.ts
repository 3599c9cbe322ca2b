/**
 * Metrics as CSV (RFC 4180, ended by newlines). The columns are those of the first row: a later row has empty fields for
 * columns it lacks and for what is no finite number, and what it has besides stands in metrics.jsonl only.
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
