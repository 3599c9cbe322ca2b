/** Metrics as JSON lines in a file on disk. */
import { encodedRow, rowEnds } from '../../training/metricsLines.ts';
import type { MetricsFormat } from './format.ts';

export const JSON_LINES: MetricsFormat = { encode: encodedRow, rowEnds };
