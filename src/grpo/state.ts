/** The state of a GRPO trainer. */
import { z } from 'zod';
import type { TrainingState } from '../model/trainingState.ts';
import type { CurriculumState } from './curriculum.ts';

/** The progress of a trainer, as plain JSON. */
export interface GrpoProgress {
  /** Steps taken. */
  readonly step: number;
  /** Steps that the optimiser took. */
  readonly optimizerSteps: number;
  /** Index of the next problem: the number of problems drawn, including those that dynamic sampling dropped. */
  readonly problems: number;
  /** Weight of the KL. It changes with `klTarget`. */
  readonly klCoef: number;
  /** State of the curriculum; null without one. */
  readonly curriculum: CurriculumState | null;
  /** Steps skipped because a reward was not finite: all of them, and the latest in a row. */
  readonly unrewarded: { readonly steps: number; readonly inARow: number };
}

/** The complete state of a GRPO trainer, without the policy's weights. */
export type GrpoState = TrainingState<GrpoProgress>;

const count = () => z.int().min(0);
const amount = () => z.number().min(0);

/** The schema of a trainer's progress. */
export const grpoProgressSchema = z.strictObject({
  step: count(),
  optimizerSteps: count(),
  problems: count(),
  klCoef: amount(),
  curriculum: z.record(z.string(), z.strictObject({ attempts: amount(), passes: amount() })).nullable(),
  unrewarded: z.strictObject({ steps: count(), inARow: count() }),
}) satisfies z.ZodType<GrpoProgress>;
