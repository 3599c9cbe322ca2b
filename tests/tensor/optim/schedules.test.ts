/** Learning rates worked by hand; the cosine against the reference. */
import { describe, expect, test } from 'vitest';
import {
  constantWithWarmup,
  cosineWithWarmup,
  linearWithWarmup,
  stepDecayWithWarmup,
} from '../../../src/tensor/index.ts';
import { expectClose } from '../../oracle/compare.ts';
import { cosineWithWarmup as reference } from '../../oracle/optim.ts';

const rates = (steps: number, rate: (step: number) => number): number[] =>
  Array.from({ length: steps }, (_, step) => rate(step));

describe('ten steps, the first four of them warming up', () => {
  const options = { totalSteps: 10, warmupRatio: 0.4, lr: 2 };
  const warmup = [0.5, 1, 1.5, 2];

  test('constant', () => {
    expect(rates(10, (step) => constantWithWarmup(step, options))).toEqual([...warmup, 2, 2, 2, 2, 2, 2]);
  });

  test('linear', () => {
    const down = rates(12, (step) => linearWithWarmup(step, { ...options, minLr: 0.5 }));
    expect(down).toEqual([...warmup, 2, 1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.5]);
  });

  test('steps', () => {
    const down = rates(10, (step) => stepDecayWithWarmup(step, { ...options, stepSize: 2, gamma: 0.5 }));
    expect(down).toEqual([...warmup, 2, 2, 1, 1, 0.5, 0.5]);
  });

  test('cosine', () => {
    const actual = rates(12, (step) => cosineWithWarmup(step, { ...options, minLr: 0.2 }));
    const expected = rates(
      12,
      (step) => 2 * reference(step, { totalSteps: 10, warmupRatio: 0.4, minRatio: 0.1 }),
    );
    expectClose(actual, expected, { rtol: 1e-12, atol: 0 });
  });
});

test('no warm-up starts at the full rate; nothing but warm-up ends at it', () => {
  const options = { totalSteps: 4, lr: 1, minLr: 0, stepSize: 1, gamma: 0.1 };
  for (const schedule of [constantWithWarmup, linearWithWarmup, cosineWithWarmup, stepDecayWithWarmup]) {
    expect(schedule(0, { ...options, warmupRatio: 0 })).toBe(1);
    expect(schedule(3, { ...options, warmupRatio: 1 })).toBe(1);
  }
});
