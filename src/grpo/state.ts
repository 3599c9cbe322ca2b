/** The state of a GRPO trainer. */
import { z } from 'zod';
import type { TrainingState } from '../model/trainingState.ts';

const count = () => z.int().min(0);
const amount = () => z.number().min(0);

/** The schema of a trainer's progress. */
export const grpoProgressSchema = z.strictObject({
  /** Steps taken. */
  step: count(),
  /** Steps that the optimiser took. */
  optimizerSteps: count(),
  /** Index of the next problem: the number of problems drawn, including those that dynamic sampling dropped. */
  problems: count(),
  /** Weight of the KL. It changes with `klTarget`. */
  klCoef: amount(),
  /** State of the curriculum; null without one. */
  curriculum: z.record(z.string(), z.strictObject({ attempts: amount(), passes: amount() })).nullable(),
  /** Steps skipped because a reward was not finite: all of them, and the latest in a row. */
  unrewarded: z.strictObject({ steps: count(), inARow: count() }),
});

/** The progress of a trainer, as plain JSON. */
export type GrpoProgress = Readonly<z.output<typeof grpoProgressSchema>>;

/** The complete state of a GRPO trainer, without the policy's weights. */
export type GrpoState = TrainingState<GrpoProgress>;
