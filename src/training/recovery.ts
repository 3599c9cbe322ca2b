/** Recovery from a lost device, and from too little memory where less will do. */
import { MathformerError, problemOf } from '../base/errors.ts';
import type { Device } from '../gpu/device.ts';
import type { Listener } from './events.ts';

/** Attempts without a step forward after which a device that is lost again and again is given up. */
const MAX_ATTEMPTS = 3;

/** One attempt at a session, as far as recovery needs to know it. */
export interface Attempt {
  device?: Pick<Device, 'lost'> | undefined;
  /** Steps done at the checkpoint that it resumed from; undefined before the run is open, when there is nothing to resume. */
  resumedStep?: number | undefined;
}

/** Options of recovery. */
export interface RecoveryOptions {
  readonly on?: Listener | undefined;
  /** Lowers the tokens of a micro-batch and returns their number; undefined if it must not or cannot. */
  readonly lower?: (() => number | undefined) | undefined;
}

/**
 * Work, and work again if the device was lost, or memory ran out and smaller micro-batches are left: the work resumes its
 * run. A device that is lost three times at the same step is given up.
 * @throws whatever failed that cannot be recovered from.
 */
export async function withRecovery<Result>(
  { on, lower }: RecoveryOptions,
  work: (attempt: Attempt) => Promise<Result>,
): Promise<Result> {
  let [attempts, step] = [0, -1];
  for (;;) {
    const attempt: Attempt = {};
    try {
      return await work(attempt);
    } catch (error) {
      const { device, resumedStep } = attempt;
      if (resumedStep === undefined) throw error;
      const problem = problemOf(error);
      if (isOutOfMemory(error)) {
        // The cache of one sequence is no matter of micro-batches.
        const microBatchTokens = error.where === 'sampler' ? undefined : lower?.();
        if (microBatchTokens === undefined) throw error;
        await on?.({ type: 'recovery', problem, microBatchTokens });
        continue;
      }
      if (!(await device?.lost())) throw error;
      attempts = resumedStep > step ? 1 : attempts + 1;
      step = resumedStep;
      if (attempts > MAX_ATTEMPTS) throw error;
      await on?.({ type: 'recovery', problem, microBatchTokens: undefined });
    }
  }
}

/** Tell whether the device of the session ran out of memory; processes that generate have memory of their own. */
export function isOutOfMemory(error: unknown): error is MathformerError {
  return error instanceof MathformerError && error.code === 'OUT_OF_MEMORY' && error.where !== 'generation';
}
