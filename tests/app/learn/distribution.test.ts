/** Distributions and practice, against definitions worked by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { klDivergence, likeliest, mean, probabilities } from '../../../app/src/learn/distribution.ts';
import { klBySteps, practisedTokens, surrogate } from '../../../app/src/learn/practice.ts';
import type { Practice } from '../../../app/src/model/operations.ts';

const logits = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 2, maxLength: 9 });

describe('a distribution', () => {
  it('adds up to 1, keeps the order of the logits, and is sharper when colder', () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0.1, max: 1, noNaN: true }), (values, temperature) => {
        const row = Float32Array.from(values);
        const vocabSize = row.length;
        const warm = probabilities(row, 0, { vocabSize });
        const cold = probabilities(row, 0, { vocabSize, temperature });
        expect(warm.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
        const [best] = likeliest(warm, 1);
        expect(row[best?.id ?? -1]).toBeCloseTo(Math.max(...row), 6);
        expect(Math.max(...cold)).toBeGreaterThanOrEqual(Math.max(...warm) - 1e-12);
      }),
    );
  });

  it('of a row is that of its logits: ln 1, ln 3 are a quarter and three', () => {
    const rows = Float32Array.of(9, 9, 0, Math.log(3));
    expect([...probabilities(rows, 1, { vocabSize: 2 })].map((share) => share.toFixed(6))).toEqual([
      '0.250000',
      '0.750000',
    ]);
  });
});

describe('the KL', () => {
  it('is never negative, and 0 of equal distributions', () => {
    fc.assert(
      fc.property(logits, (values) => {
        const row = Float32Array.from(values);
        const p = probabilities(row, 0, { vocabSize: row.length });
        const q = probabilities(row.toReversed(), 0, { vocabSize: row.length });
        expect(klDivergence(p, p)).toBeCloseTo(0, 12);
        expect(klDivergence(p, q)).toBeGreaterThanOrEqual(-1e-12);
      }),
    );
  });

  it('by hand: of (1/2, 1/2) from (1/4, 3/4) it is ½·ln 2 + ½·ln ⅔', () => {
    const kl = klDivergence(Float64Array.of(0.5, 0.5), Float64Array.of(0.25, 0.75));
    expect(kl).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 12);
  });
});

describe('practice', () => {
  const completion = (advantage: number) => ({
    ...{
      ids: [1],
      texts: ['b'],
      answer: 'b',
      correct: advantage > 0,
      finished: true,
      reward: advantage,
      advantage,
    },
    logps: Float32Array.of(Math.log(0.5)),
  });
  const practice: Practice = {
    group: {
      prompt: { ids: [0], texts: ['a'], promptLength: 1 },
      expected: 'b',
      completions: [completion(1), completion(-1)],
    },
    logits: [
      [Float32Array.of(0, 0), Float32Array.of(0, 0)],
      [Float32Array.of(0, Math.log(3)), Float32Array.of(0, Math.log(3))],
    ],
  };

  it('compares each token with the policy before: a half became three quarters', () => {
    const [good, bad] = practisedTokens(practice, 1, { clipRatio: 0.2, temperature: 1 });
    expect(good?.ratio).toBeCloseTo(1.5, 6);
    expect([good?.clipped, bad?.clipped]).toEqual([true, false]);
    expect(good?.kl).toBeCloseTo(0.25 * Math.log(0.5) + 0.75 * Math.log(1.5), 6);
    const before = practisedTokens(practice, 0, { clipRatio: 0.2, temperature: 1 });
    expect(before.map(({ ratio, kl, clipped }) => [ratio, kl, clipped])).toEqual([
      [1, 0, false],
      [1, 0, false],
    ]);
    expect(klBySteps(practice, 1)[0]).toBe(0);
  });

  it('has the surrogate that is flat where the clip holds', () => {
    expect([0.5, 1, 1.5].map((ratio) => surrogate(ratio, 1, 0.2))).toEqual([0.5, 1, 1.2]);
    expect([0.5, 1, 1.5].map((ratio) => surrogate(ratio, -1, 0.2))).toEqual([-0.8, -1, -1.5]);
    expect(mean([])).toBe(0);
  });
});
