/** The state from which, together with the model's weights, a trainer resumes to the same bits. */
import type { z } from 'zod';
import { MathformerError } from '../base/errors.ts';
import type { OptimizerState } from '../tensor/index.ts';
import type { StateDict } from './stateDict.ts';

/** The state of a trainer, without the weights of the trained model. */
export interface TrainingState<Progress extends object = object> {
  /** The progress, as plain JSON. */
  readonly progress: Progress;
  /** The optimiser's buffers by their names, such as `exp_avg`. */
  readonly optimizer: StateDict;
  /** The weights of the reference model; null without one. */
  readonly reference: StateDict | null;
  /** Weights of earlier steps that later steps still need, the oldest first. */
  readonly versions?: readonly StateDict[];
}

/** Convert the optimiser's buffers to tensors. */
export function optimizerTensors({ values }: OptimizerState): StateDict {
  return new Map([...values].map(([name, data]) => [name, { shape: [data.length], data }]));
}

/** Convert tensors to the optimiser's buffers. */
export function optimizerValues(tensors: StateDict): OptimizerState['values'] {
  return new Map([...tensors].map(([name, { data }]) => [name, Float32Array.from(data)]));
}

/** Check a trainer's progress that was read. @throws MathformerError if it is invalid. */
export function checkedProgress<Progress>(schema: z.ZodType<Progress>, candidate: unknown): Progress {
  const parsed = schema.safeParse(candidate);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badState(`${issue?.path.join('.') || 'progress'}: ${issue?.message ?? 'invalid'}`);
}

/** Return the error of `restore` for an invalid state. */
export function badState(problem: string): MathformerError {
  return new MathformerError(problem, {
    code: 'BAD_STATE',
    where: 'restore',
    fix: 'give what `state()` of a trainer with the same options returned',
  });
}
