/** Metrics as JSON lines in a file on disk. */
import { encodedRows, rowEnds } from '../../training/metricsLines.ts';
import type { MetricsFormat } from './format.ts';

export const JSON_LINES: MetricsFormat = { encode: (row) => encodedRows([row]), rowEnds };
