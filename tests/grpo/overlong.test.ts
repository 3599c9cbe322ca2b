/** The soft penalty on long completions. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { overlongPenalty } from '../../src/grpo/overlong.ts';
import { expectClose } from '../oracle/compare.ts';
import * as oracle from '../oracle/grpo.ts';
import { seeded } from '../oracle/random.ts';

test('starts where the buffer does and reaches the factor at the limit', () => {
  const penalty = (length: number) => overlongPenalty(length, { maxLength: 100, buffer: 20, factor: 0.5 });
  expect([1, 80, 85, 90, 100].map(penalty)).toEqual([0, 0, -0.125, -0.25, -0.5]);
});

test('is that of the reference; without a buffer, nothing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 64 }),
      fc.double({ min: 0, max: 3, noNaN: true }),
      (length, buffer, factor) => {
        const found = overlongPenalty(length, { maxLength: 64, buffer, factor });
        expectClose([found], [oracle.overlongPenalty(length, 64, buffer, factor)], { rtol: 1e-12 });
        expect(overlongPenalty(length, { maxLength: 64, buffer: 0, factor })).toBe(0);
      },
    ),
    seeded,
  );
});
