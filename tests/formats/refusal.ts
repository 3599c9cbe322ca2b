/** Run a function that must refuse its input, and return the CheckpointError. */

import { CheckpointError } from '../../src/formats/index.ts';

export function refusal(action: () => unknown): CheckpointError {
  try {
    action();
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
