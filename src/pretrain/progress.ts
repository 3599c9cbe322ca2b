/** The progress of a supervised trainer. */
import { z } from 'zod';

const count = () => z.int().min(0);

/** Return the schema of the progress of a trainer with `streams` streams of examples. */
export const pretrainProgressSchema = (streams: number) =>
  z.strictObject({
    /** Steps taken. */
    step: count(),
    /** Steps that the optimiser took. */
    optimizerSteps: count(),
    /** Index of the next example of each stream. */
    cursors: z.array(count()).length(streams),
  });

/** The progress of a trainer, as plain JSON. */
export type PretrainProgress = Readonly<z.output<ReturnType<typeof pretrainProgressSchema>>>;
