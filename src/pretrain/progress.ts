/** The progress of a supervised trainer. */
import { z } from 'zod';

/** The progress of a trainer, as plain JSON. */
export interface PretrainProgress {
  /** Steps taken. */
  readonly step: number;
  /** Steps that the optimiser took. */
  readonly optimizerSteps: number;
  /** Index of the next example of each stream. */
  readonly cursors: readonly number[];
}

const count = () => z.int().min(0);

/** Return the schema of the progress of a trainer with `streams` streams of examples. */
export const pretrainProgressSchema = (streams: number): z.ZodType<PretrainProgress> =>
  z.strictObject({ step: count(), optimizerSteps: count(), cursors: z.array(count()).length(streams) });
