/** Failures from which a training recovers, and the advice after the others. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MathformerError } from '../../src/base/errors.ts';
import { type FailedAttempt, type MemoryAdvice, Recovery } from '../../src/cli/recovery.ts';

const MEMORY: MemoryAdvice = { fix: 'lower a', generationFix: 'lower b', limit: undefined };

let said: string[];
beforeEach(() => {
  said = [];
});
const recovery = (memory: Partial<MemoryAdvice> = {}) =>
  new Recovery({ line: (text) => void said.push(text) }, { ...MEMORY, ...memory });

const failure = (code: string, where = 'matmul') =>
  new MathformerError(`it failed at ${where}`, { code, where, fix: 'mend it' });
const LOST = failure('DEVICE_LOST');

/** Return a failed attempt on a device that is lost, or is not. */
const attempt = (resumedStep: number, isLost = true): FailedAttempt => ({
  device: { lost: async () => isLost } as FailedAttempt['device'],
  resumedStep,
});

describe('a device that is lost', () => {
  it('is given up after three attempts without a step forward, counted anew after each step', async () => {
    const mending = recovery();
    for (const step of [0, 0, 0, 5, 5, 5, 6]) await mending.from(LOST, attempt(step));
    expect(said).toHaveLength(7);
    expect(new Set(said)).toEqual(
      new Set(['warning: it failed at matmul; opening another one and going on from the last checkpoint']),
    );
    for (const step of [6, 6]) await mending.from(LOST, attempt(step));
    await expect(mending.from(LOST, attempt(6))).rejects.toBe(LOST);
    expect(said).toHaveLength(9);
  });

  it('is the reason, whatever the error says', async () => {
    await recovery().from(new TypeError('of undefined'), attempt(1));
    expect(said).toHaveLength(1);
  });
});

describe('another failure', () => {
  it('is none to go on after', async () => {
    for (const error of [LOST, new Error('out of ideas')]) {
      await expect(recovery().from(error, attempt(1, false))).rejects.toBe(error);
      await expect(recovery().from(error, { device: undefined, resumedStep: 1 })).rejects.toBe(error);
    }
    expect(said).toEqual([]);
  });

  it('of memory in a process that generates has advice of its own', async () => {
    const error = failure('OUT_OF_MEMORY', 'generation');
    await expect(recovery({ lower: () => 'less' }).from(error, attempt(1, false))).rejects.toBe(error);
  });
});

describe('memory that ran out', () => {
  const error = failure('OUT_OF_MEMORY');

  it('is made to do by less, where there is less', async () => {
    const left = ['--a 2', '--a 1'];
    const mending = recovery({ lower: () => left.shift() });
    await mending.from(error, attempt(1));
    await mending.from(error, attempt(1));
    expect(said).toEqual(
      ['--a 2', '--a 1'].map(
        (less) => `warning: it failed at matmul; going on from the last checkpoint with ${less}`,
      ),
    );
    await expect(mending.from(error, attempt(1))).rejects.toMatchObject({
      ...{ code: 'OUT_OF_MEMORY', where: 'matmul', fix: 'lower a', cause: error },
    });
  });

  it('says what to lower, and that a limit can be raised', async () => {
    await expect(recovery().from(error, attempt(1))).rejects.toMatchObject({ fix: 'lower a' });
    await expect(recovery({ limit: 48 }).from(error, attempt(1))).rejects.toMatchObject({
      fix: 'lower a, or raise --memory_limit (now 48)',
    });
  });

  it('for a single sequence is not helped by less of them', async () => {
    const generating = failure('OUT_OF_MEMORY', 'sampler');
    await expect(recovery({ lower: () => 'less' }).from(generating, attempt(1))).rejects.toMatchObject({
      ...{ where: 'sampler', fix: 'lower b' },
    });
    expect(said).toEqual([]);
  });
});
