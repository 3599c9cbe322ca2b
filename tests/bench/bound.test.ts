/** The arithmetic of bounds and of η, on examples worked by hand. */
import { expect, test } from 'vitest';
import { bound } from '../../bench/bound.ts';
import { exponent } from '../../bench/growth.ts';
import { secondsOn, sharesByKernel, stepBound } from '../../bench/profile.ts';
import { quantile, spreadOf } from '../../bench/statistics.ts';
import { grpoWork, rolloutWork, supervisedWork, trainingFlops } from '../../bench/stepWork.ts';
import type { ProfiledDispatch } from '../../src/gpu/profiler.ts';
import { modelConfig } from '../../src/model/config.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { ceilings } from './fixtures.ts';

test('the bound is the longer of computing and copying, and the dispatches', () => {
  expect(bound({ flops: 2e6, bytes: 1e5, dispatches: 1 }, ceilings)).toBeCloseTo(2.01e-3, 12);
  expect(bound({ flops: 2e6, bytes: 5e5, dispatches: 10 }, ceilings)).toBeCloseTo(5.1e-3, 12);
  expect(bound({ flops: 0, bytes: 0, dispatches: 0 }, ceilings)).toBe(0);
});

const dispatch = (
  kernel: string,
  flops: number,
  bytes: number,
  times?: [number, number],
): ProfiledDispatch => ({
  ...{ kernel, flops, bytes, cpu: 0.1 },
  start: times?.[0],
  end: times?.[1],
});

test('a step is the sum of its dispatches, but for what is known of a kernel as a whole', () => {
  const dispatches = [
    dispatch('matmul 8', 1e6, 2e5, [0, 4]),
    dispatch('attention forward 16', 0, 4e4, [4, 14]),
    dispatch('matmul 8', 3e6, 2e5, [14, 20]),
    dispatch('attention forward 16', 0, 6e4, [20, 21]),
    dispatch('decode 16', 0, 9e9, [21, 22]),
  ];
  const known = [
    { kernel: 'attention forward', flops: 3e6 },
    { kernel: 'decode', flops: 0, bytes: 2e5 },
  ];
  const shares = sharesByKernel(dispatches, ceilings, known);
  expect(shares.map(({ kernel, dispatches, gpu }) => [kernel, dispatches, gpu])).toEqual([
    ['attention forward', 2, expect.closeTo(0.011, 12)],
    ['matmul 8', 2, expect.closeTo(0.01, 12)],
    ['decode', 1, expect.closeTo(0.001, 12)],
  ]);
  // max(3e6 / P, 1e5 / W), then 2e5 / W and 3e6 / P, then 2e5 / W.
  const expected = [0.003, 0.002 + 0.003, 0.002];
  for (const [i, { bound }] of shares.entries()) expect(bound).toBeCloseTo(expected[i] ?? Number.NaN, 12);
  expect(stepBound(shares, ceilings)).toBeCloseTo(0.01 + 5 * 1e-5, 12);
  expect(secondsOn(dispatches)).toBeCloseTo(0.022, 12);
});

test('without timestamps there are least times alone', () => {
  const dispatches = [dispatch('small', 1e3, 0), dispatch('large', 1e6, 0)];
  expect(secondsOn(dispatches)).toBeUndefined();
  const shares = sharesByKernel(dispatches, ceilings);
  expect(shares.map(({ kernel, gpu }) => [kernel, gpu])).toEqual([
    ['large', null],
    ['small', null],
  ]);
});

test('the work of sequences: two layers of width 32', () => {
  const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE });
  // 29,113 parameters; 2 · 32 · 8 for attention.
  expect(trainingFlops(config, 2, 8)).toBe(16 * 6 * (29_113 + 512));
  // A product is 2 · 32 · (T(T + 1)) FLOPs: 12 for T = 3.
  expect(supervisedWork(config, [3, 3])).toEqual([
    { kernel: 'attention forward', flops: 2 * 64 * 24 },
    { kernel: 'attention backward', flops: 5 * 64 * 24 },
  ]);
  // A prompt of 3 tokens: its first completion decodes one token, at position 3; the second none.
  const sequences = [
    { prompt: 3, completion: 2 },
    { prompt: 3, completion: 1 },
  ];
  const decoded = [
    { kernel: 'decode attention', flops: 64 * 4 * 4, bytes: 64 * 4 * (2 * 3 + 6) },
    { kernel: 'fill cache', bytes: 64 * 4 * 2 * (3 + 6) },
    { kernel: 'sample', bytes: 3 * 4 * (57 + 12 + 3) },
  ];
  expect(rolloutWork(config, sequences, 2)).toEqual([
    { kernel: 'attention forward', flops: 2 * 64 * 12 },
    ...decoded,
  ]);
  // Scored: 4 and 3 inputs, T(T + 1) = 20 and 12, by two models.
  expect(grpoWork(config, sequences, 2)).toEqual([
    { kernel: 'attention forward', flops: 2 * 64 * 12 + 2 * 2 * 64 * 32 },
    { kernel: 'attention backward', flops: 5 * 64 * 32 },
    ...decoded,
  ]);
});

test('quantiles', () => {
  const values = [5, 1, 4, 2, 3];
  expect([0, 0.25, 0.5, 0.75, 1].map((q) => quantile(values, q))).toEqual([1, 2, 3, 4, 5]);
  expect(spreadOf(values)).toEqual({ median: 3, quartiles: [2, 4] });
});

test('exponents of growth', () => {
  const sizes = [1, 2, 4, 8];
  const of = (power: number) => sizes.map((size) => 0.01 * size ** power);
  for (const power of [0, 1, 1.5, 2]) expect(exponent(sizes, of(power))).toBeCloseTo(power, 12);
  expect(exponent([1, 2, 3], [3, 4, 9])).toBeCloseTo(0.9, 1);
});
