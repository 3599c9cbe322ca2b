/** What a trainer needs, besides the model's weights, to go on as if it had never stopped. */
import type { z } from 'zod';
import { MathformerError } from '../base/errors.ts';
import type { OptimizerState } from '../tensor/index.ts';
import type { StateDict } from './stateDict.ts';

/** A trainer's state. The weights of the model in training are no part of it. */
export interface TrainingState<Progress extends object = object> {
  /** Where it stands, as plain JSON. */
  readonly progress: Progress;
  /** The optimiser's buffers by their names, such as `exp_avg`. */
  readonly optimizer: StateDict;
  /** The weights of the reference model; null without one. */
  readonly reference: StateDict | null;
}

/** The optimiser's buffers as tensors. */
export function optimizerTensors({ values }: OptimizerState): StateDict {
  return new Map([...values].map(([name, data]) => [name, { shape: [data.length], data }]));
}

/** And back. */
export function optimizerValues(tensors: StateDict): OptimizerState['values'] {
  return new Map([...tensors].map(([name, { data }]) => [name, Float32Array.from(data)]));
}

/** A trainer's progress, from outside. @throws MathformerError if a trainer never stood there. */
export function checkedProgress<Progress>(schema: z.ZodType<Progress>, candidate: unknown): Progress {
  const parsed = schema.safeParse(candidate);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badState(`${issue?.path.join('.') || 'progress'}: ${issue?.message ?? 'invalid'}`);
}

/** What `restore` says of a state that is no state of such a trainer. */
export function badState(problem: string): MathformerError {
  return new MathformerError(problem, {
    code: 'BAD_STATE',
    where: 'restore',
    fix: 'give what `state()` of a trainer with the same options returned',
  });
}
