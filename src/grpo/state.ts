/** Where a GRPO trainer stands. */
import { z } from 'zod';
import type { TrainingState } from '../model/trainingState.ts';
import type { CurriculumState } from './curriculum.ts';

/** Where a trainer stands, as plain JSON. */
export interface GrpoProgress {
  /** Steps taken. */
  readonly step: number;
  /** Steps of its optimiser. */
  readonly optimizerSteps: number;
  /** Problems drawn, those that dynamic sampling dropped included: the next one's index. */
  readonly problems: number;
  /** The weight of the KL, which may follow a target. */
  readonly klCoef: number;
  /** Of an adaptive curriculum, if there is one. */
  readonly curriculum: CurriculumState | null;
  /** Steps left out because a reward was not finite, and how many of them were the last ones. */
  readonly unrewarded: { readonly steps: number; readonly inARow: number };
}

/** A GRPO trainer's state. */
export type GrpoState = TrainingState<GrpoProgress>;

const count = () => z.int().min(0);
const amount = () => z.number().min(0);

/** Checks a trainer's progress. */
export const grpoProgressSchema = z.strictObject({
  step: count(),
  optimizerSteps: count(),
  problems: count(),
  klCoef: amount(),
  curriculum: z.record(z.string(), z.strictObject({ attempts: amount(), passes: amount() })).nullable(),
  unrewarded: z.strictObject({ steps: count(), inARow: count() }),
}) satisfies z.ZodType<GrpoProgress>;
