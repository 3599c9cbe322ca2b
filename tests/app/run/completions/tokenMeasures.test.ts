/** The values that tokens are coloured by, and their scale. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  LEVELS,
  legendOf,
  levelOf,
  MEASURES,
  ratiosOf,
  scaleOf,
  tokenValues,
} from '../../../../app/src/run/completions/tokenMeasures.ts';
import { arbitraryTrace } from '../../../training/traces.ts';
import { completionOf, groupOf, traceOf } from '../traces.ts';

describe('values', () => {
  const completion = completionOf([Math.log(2), 0, Math.log(0.5)], {
    advantage: -2,
    entropy: Float32Array.of(0.5, 1, 2),
  });

  test('a ratio is that of the token, or for gspo the geometric mean over the completion', () => {
    expect([...ratiosOf(completion, 'grpo')]).toEqual([2, 1, 0.5].map((ratio) => expect.closeTo(ratio, 6)));
    expect([...ratiosOf(completion, 'gspo')]).toEqual([1, 1, 1].map((ratio) => expect.closeTo(ratio, 6)));
  });

  test('advantage × ratio, entropy and Δ log-probability', () => {
    expect([...tokenValues(completion, 'push', 'grpo')]).toEqual(
      [-4, -2, -1].map((x) => expect.closeTo(x, 5)),
    );
    expect([...tokenValues(completion, 'entropy', 'grpo')]).toEqual([0.5, 1, 2]);
    expect(tokenValues(completion, 'change', 'grpo')[0]).toBeCloseTo(Math.log(2), 6);
  });

  test('every measure has a value for each token of any trace', () => {
    fc.assert(
      fc.property(arbitraryTrace, fc.constantFrom(...MEASURES), (trace, measure) => {
        for (const { completions } of trace.groups) {
          for (const each of completions) {
            expect(tokenValues(each, measure, trace.loss)).toHaveLength(each.tokens.length);
          }
        }
        expect(scaleOf(trace, measure).most).toBeGreaterThan(0);
      }),
    );
  });
});

describe('the scale', () => {
  const entropies = (...values: number[]) =>
    traceOf({ groups: [groupOf('', [completionOf(values, { entropy: Float32Array.from(values) })])] });

  test('ends at the greatest value, rounded up to two digits; one outlier of a hundred is beyond it', () => {
    expect(scaleOf(entropies(0.123, 0.5, 1.234), 'entropy')).toEqual({ most: 1.3, isDiverging: false });
    const many = Array.from({ length: 99 }, () => 0.5);
    expect(scaleOf(entropies(...many, 100), 'entropy').most).toBe(0.5);
  });

  test('of nothing but zeros or of no tokens goes to 1', () => {
    expect(scaleOf(entropies(0, 0), 'entropy').most).toBe(1);
    expect(scaleOf(traceOf(), 'kl')).toEqual({ most: 1, isDiverging: false });
  });

  test('is diverging where a value is negative', () => {
    expect(scaleOf(entropies(0.5, -0.5), 'change').isDiverging).toBe(true);
    expect(legendOf({ most: 2, isDiverging: true }).map(({ value }) => value)).toEqual([
      ...[-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2],
    ]);
    expect(legendOf({ most: 2, isDiverging: false })).toHaveLength(LEVELS + 1);
  });

  test('levels rise with the value, are symmetric, and are those of the legend', () => {
    const scale = { most: 0.7, isDiverging: true };
    const value = fc.double({ min: -2, max: 2, noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        if (a <= b) expect(levelOf(a, scale)).toBeLessThanOrEqual(levelOf(b, scale));
        expect(levelOf(-a, scale) + levelOf(a, scale)).toBe(0);
      }),
    );
    for (const { level, value: middle } of legendOf(scale)) expect(levelOf(middle, scale)).toBe(level);
    expect(levelOf(Number.NaN, scale)).toBe(0);
  });
});
