/** Made-up rows of workers. */
import type { WorkerRow } from '../../../../src/training/store.ts';
import { workerFigures } from '../../../training/figures.ts';

/** Return the row of a worker at a step, with some values given. */
export const rowAt = (step: number, worker: string, given: Partial<WorkerRow> = {}): WorkerRow => ({
  step,
  ...workerFigures({ worker, ...given }),
});
