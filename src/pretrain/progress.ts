/** Where a supervised trainer stands. */
import { z } from 'zod';

/** Where a trainer stands, as plain JSON. */
export interface PretrainProgress {
  /** Steps taken. */
  readonly step: number;
  /** Steps of its optimiser. */
  readonly optimizerSteps: number;
  /** Of each stream of examples, the index of the next one. */
  readonly cursors: readonly number[];
}

const count = () => z.int().min(0);

/** Checks the progress of a trainer with so many streams of examples. */
export const pretrainProgressSchema = (streams: number): z.ZodType<PretrainProgress> =>
  z.strictObject({ step: count(), optimizerSteps: count(), cursors: z.array(count()).length(streams) });
