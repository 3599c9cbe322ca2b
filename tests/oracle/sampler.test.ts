/** The sampling filters by hand, their order and ties, and the renormalised log-probabilities. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { array, gather } from './array.ts';
import { expectClose, gradCheck } from './compare.ts';
import { normals, normalValues, seeded, uniformSource } from './random.ts';
import {
  greedy,
  keptTokens,
  sampleByGumbel,
  sampleByInversion,
  samplingLogProbs,
  samplingProbabilities,
} from './sampler.ts';

/** Logits whose softmax is exactly these probabilities, up to rounding. */
const logitsOf = (...probabilities: number[]): number[] => probabilities.map(Math.log);
const five = logitsOf(0.1, 0.4, 0.05, 0.3, 0.15);
const exact = { rtol: 1e-12, atol: 1e-15 };

describe('filters by hand', () => {
  test.each([
    ['nothing', {}, [1, 1, 1, 1, 1]],
    ['top-k 2', { topK: 2 }, [0, 1, 0, 1, 0]],
    ['top-k beyond the vocabulary', { topK: 9 }, [1, 1, 1, 1, 1]],
    ['top-p 0.6: 0.4 is not enough, 0.7 is', { topP: 0.6 }, [0, 1, 0, 1, 0]],
    ['top-p 0.75', { topP: 0.75 }, [0, 1, 0, 1, 1]],
    ['top-p 0: the likeliest stays', { topP: 0 }, [0, 1, 0, 0, 0]],
    ['min-p 0.3: at least 0.12', { minP: 0.3 }, [0, 1, 0, 1, 1]],
    ['min-p 1', { minP: 1 }, [0, 1, 0, 0, 0]],
    // Of 0.4, 0.3, 0.15 renormalised (0.47, 0.35, 0.18) two reach 0.8; of the whole vocabulary two reach only 0.7.
    ['top-p counts within top-k', { topK: 3, topP: 0.8 }, [0, 1, 0, 1, 0]],
    ['without top-k the same top-p keeps three', { topP: 0.8 }, [0, 1, 0, 1, 1]],
    // p² ∝ 1, 16, 0.25, 9, 2.25 of 28.5: 0.4's share becomes 0.56.
    ['temperature comes before top-p', { temperature: 0.5, topP: 0.55 }, [0, 1, 0, 0, 0]],
  ])('%s', (_, options, kept) => {
    expect(Array.from(keptTokens(five, options))).toEqual(kept);
  });

  test('ties go to the lower id', () => {
    const tied = [1, 3, 3, 1, 3];
    expect(greedy(tied)).toBe(1);
    expect(Array.from(keptTokens(tied, { topK: 2 }))).toEqual([0, 1, 1, 0, 0]);
    expect(Array.from(keptTokens([0, 0, 0, 0], { topP: 0.6 }))).toEqual([1, 1, 1, 0]);
    // Exactly reached is enough.
    expect(Array.from(keptTokens([0, 0, 0, 0], { topP: 0.5 }))).toEqual([1, 1, 0, 0]);
  });

  test('what is kept is renormalised, the rest is exactly 0', () => {
    expectClose(samplingProbabilities(five, { topK: 2 }), [0, 4 / 7, 0, 3 / 7, 0], exact);
    const sharpened = [1, 16, 0.25, 9, 2.25].map((w) => w / 28.5);
    expectClose(samplingProbabilities(five, { temperature: 0.5 }), sharpened, exact);
    expect(samplingLogProbs(array(five), { topK: 1 }).data[0]).toBe(Number.NEGATIVE_INFINITY);
  });

  test('a temperature of 0 is refused', () => {
    expect(() => keptTokens(five, { temperature: 0 })).toThrow('use greedy()');
  });
});

describe('properties', () => {
  const options = fc.record({
    temperature: fc.double({ min: 0.2, max: 3, noNaN: true }),
    topK: fc.nat({ max: 12 }),
    topP: fc.double({ min: 0, max: 1, noNaN: true }),
    minP: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  test('probabilities sum to 1, keep their order, and the likeliest is never dropped', () => {
    fc.assert(
      fc.property(normalValues(10, 0, 3), options, (logits, o) => {
        const p = samplingProbabilities(logits, o);
        expectClose([p.reduce((a, b) => a + b, 0)], [1], { rtol: 1e-12 });
        expect(p[greedy(logits)]).toBe(Math.max(...p));
        const lowestKept = Math.min(...Array.from(logits).filter((_, id) => p[id] > 0));
        for (let id = 0; id < 10; id++) if (p[id] === 0) expect(logits[id]).toBeLessThanOrEqual(lowestKept);
      }),
      { ...seeded, numRuns: 100 },
    );
  });

  test('the nucleus is the smallest set of likeliest tokens that reaches p', () => {
    fc.assert(
      fc.property(
        normalValues(10, 0, 3),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (logits, topP) => {
          const all = samplingProbabilities(logits);
          const inside = Array.from(all).filter((_, id) => samplingProbabilities(logits, { topP })[id] > 0);
          const mass = inside.reduce((a, b) => a + b, 0);
          expect(mass).toBeGreaterThanOrEqual(topP - 1e-12);
          expect(mass - Math.min(...inside)).toBeLessThan(topP + 1e-12);
        },
      ),
      { ...seeded, numRuns: 100 },
    );
  });

  test('the gradient of a chosen log-probability, kept set fixed', () => {
    const logits = array(normals(3, 8, 0, 2), [2, 4]);
    const chosen = {
      data: [greedy(logits.data.subarray(0, 4)), greedy(logits.data.subarray(4))],
      shape: [2, 1],
    };
    gradCheck(([x]) => gather(samplingLogProbs(x, { temperature: 0.7, topK: 2 }), 1, chosen), [logits]);
  });

  test('both ways of drawing follow the distribution and never leave the kept set', () => {
    const o = { topK: 3, temperature: 1.3 };
    const logP = samplingLogProbs(array(five), o).data;
    const p = samplingProbabilities(five, o);
    const uniform = uniformSource(11);
    const draws = 20_000;
    const counts = { inversion: new Float64Array(5), gumbel: new Float64Array(5) };
    for (let i = 0; i < draws; i++) {
      counts.inversion[sampleByInversion(p, uniform())] += 1 / draws;
      counts.gumbel[sampleByGumbel(logP, Array.from({ length: 5 }, uniform))] += 1 / draws;
    }
    // Five standard deviations of a proportion.
    const atol = 5 * Math.sqrt(0.25 / draws);
    for (const [label, found] of Object.entries(counts)) {
      expectClose(found, p, { rtol: 0, atol, label });
      expect([found[0], found[2]]).toEqual([0, 0]);
    }
    expect(sampleByInversion(p, 1 - 2 ** -53)).toBe(4);
  });
});
