/** A session recovers from some failures, and not from others. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MathformerError } from '../../src/base/errors.ts';
import type { TrainingEvent } from '../../src/training/events.ts';
import { type Attempt, isOutOfMemory, withRecovery } from '../../src/training/recovery.ts';

let heard: TrainingEvent[];
beforeEach(() => {
  heard = [];
});

const failure = (code: string, where = 'matmul') =>
  new MathformerError(`it failed at ${where}`, { code, where, fix: 'mend it' });
const LOST = failure('DEVICE_LOST');

/** An attempt that failed, on a device that is lost or is not. */
const failed = (resumedStep: number | undefined, isLost = true): Attempt => ({
  device: { lost: async () => isLost },
  resumedStep,
});

/** Fails once for each of these attempts, and then succeeds; resolves to the number of attempts. */
function recover(error: unknown, attempts: readonly Attempt[], lower?: () => number | undefined) {
  let count = 0;
  return withRecovery({ on: (event) => void heard.push(event), lower }, async (attempt) => {
    const next = attempts[count++];
    if (next === undefined) return count;
    Object.assign(attempt, next);
    throw error;
  });
}

describe('a device that is lost', () => {
  it('is given up after three attempts without a step forward, counted anew after each step', async () => {
    const steps = [0, 0, 0, 5, 5, 5, 6];
    expect(
      await recover(
        LOST,
        steps.map((step) => failed(step)),
      ),
    ).toBe(8);
    const recovery = { type: 'recovery', problem: 'it failed at matmul', microBatchTokens: undefined };
    expect(heard).toEqual(steps.map(() => recovery));
    heard = [];
    const hopeless = [...steps, 6, 6, 6].map((step) => failed(step));
    await expect(recover(LOST, hopeless)).rejects.toBe(LOST);
    expect(heard).toHaveLength(9);
  });

  it('is the reason, whatever the error says', async () => {
    expect(await recover(new TypeError('of undefined'), [failed(1)])).toBe(2);
    expect(heard).toHaveLength(1);
  });
});

describe('another failure', () => {
  it('is not recovered from', async () => {
    for (const error of [LOST, new Error('out of ideas')]) {
      await expect(recover(error, [failed(1, false)])).rejects.toBe(error);
      await expect(recover(error, [{ resumedStep: 1 }])).rejects.toBe(error);
    }
    expect(heard).toEqual([]);
  });

  it('before the run is open leaves nothing to resume', async () => {
    for (const error of [LOST, failure('OUT_OF_MEMORY')]) {
      await expect(recover(error, [failed(undefined)], () => 64)).rejects.toBe(error);
    }
    expect(heard).toEqual([]);
  });

  it('of memory in a process that generates is none of the device', async () => {
    const error = failure('OUT_OF_MEMORY', 'generation');
    await expect(recover(error, [failed(1, false)], () => 64)).rejects.toBe(error);
    expect(isOutOfMemory(error)).toBe(false);
  });
});

describe('memory that ran out', () => {
  const error = failure('OUT_OF_MEMORY');

  it('is made to do by smaller micro-batches, while there are some', async () => {
    const left = [128, 64];
    const attempts = [failed(1), failed(1), failed(1)];
    await expect(recover(error, attempts, () => left.shift())).rejects.toBe(error);
    expect(heard).toEqual(
      [128, 64].map((microBatchTokens) => ({
        ...{ type: 'recovery', problem: 'it failed at matmul', microBatchTokens },
      })),
    );
    expect(isOutOfMemory(error)).toBe(true);
  });

  it('for a single sequence is not helped by smaller micro-batches', async () => {
    const generating = failure('OUT_OF_MEMORY', 'sampler');
    await expect(recover(generating, [failed(1)], () => 64)).rejects.toBe(generating);
    expect(heard).toEqual([]);
  });
});
