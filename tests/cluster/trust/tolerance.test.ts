/** Tolerances follow honest results, within bounds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agreementsOf, problemOfCompletion, roundingScale } from '../../../src/cluster/trust/agreement.ts';
import { Tolerances } from '../../../src/cluster/trust/tolerance.ts';

/** The agreement of one completion with these differences and margins. */
function agreementOf(differences: readonly number[], margins: readonly number[] = []) {
  const logps = Float32Array.from(differences, () => -1);
  const [agreement] = agreementsOf(
    [{ prompt: 0, tokens: [...logps], logps: Float32Array.from(differences, (d) => d - 1), finished: false }],
    [0],
    {
      logps,
      margins: Float32Array.from(differences, (_, i) => margins[i] ?? 0),
      filterGaps: new Float32Array(logps.length),
    },
  );
  if (!agreement) throw new Error('no agreement');
  return agreement;
}

test('the agreement of a completion, by hand', () => {
  const agreement = agreementOf([0.25, -0.5, 0, 0], [0, 0, 0.125, 0]);
  expect(agreement).toEqual({
    index: 0,
    tokens: 4,
    maxDifference: 0.5,
    meanDifference: 0.1875,
    flippedTokens: 1,
    contradiction: 0.125,
    differentToken: 1,
    contradictedToken: 2,
  });
});

test('a problem names the token, the amount and what rounding explains', () => {
  const problem = (differences: number[], margins: number[] = []) =>
    problemOfCompletion(agreementOf(differences, margins), { most: 0.25, mean: 0.0625 }, 2);
  expect(problem([0.5, 0])).toBeUndefined();
  expect(problem([0, 0, -0.75])).toBe(
    'the log-probability of token 2 of completion 0 is off by 7.5e-1, and rounding explains 5.0e-1',
  );
  expect(problem([0, 0], [0, 1.5])).toBe(
    'token 1 of completion 0 is not the one that the seed draws: another is ahead by 1.5e+0, and rounding explains 1.0e+0',
  );
  expect(problem([0, 0], [0, 1])).toBeUndefined();
  expect(problem(Array.from({ length: 100 }, () => 0.25))).toBe(
    'the log-probabilities of completion 0 are off by 2.5e-1 on average, and rounding explains 1.7e-1',
  );
  expect(problem([0, Number.NaN])).toMatch(/token 1 of completion 0 is off by NaN/);
  expect(problem([0], [Number.NaN])).toMatch(/another is ahead by NaN/);
});

test('rounding grows where logits are divided by a small temperature', () => {
  expect([0, 0.5, 1, 2].map((temperature) => roundingScale({ temperature }))).toEqual([1, 2, 1, 1]);
});

test('a tolerance rises at once with honest differences, and falls slowly', () => {
  const tolerances = new Tolerances('own', 'highest');
  const start = tolerances.of('own');
  tolerances.learn('own', [agreementOf([1e-3, 0, 0, 0])], 1);
  const raised = tolerances.of('own');
  expect(raised.most).toBeGreaterThan(2e-3);
  expect(raised.most).toBeGreaterThan(start.most);
  for (let i = 0; i < 70; i++) tolerances.learn('own', [agreementOf([1e-6])], 1);
  const later = tolerances.of('own');
  expect(later.most / raised.most).toBeCloseTo(0.5, 1);
  for (let i = 0; i < 2000; i++) tolerances.learn('own', [agreementOf([1e-6])], 1);
  expect(tolerances.of('own').most).toBeLessThan(start.most);
  // Nobody else's tolerance changed.
  expect(tolerances.of('other')).toEqual(new Tolerances('own', 'highest').of('other'));
});

test('no results move a tolerance out of its bounds, nor that of another class above its start', () => {
  const results = fc.array(fc.tuple(fc.boolean(), fc.double({ min: 0, max: 1e6, noNaN: true })), {
    maxLength: 50,
  });
  fc.assert(
    fc.property(results, fc.constantFrom('highest', 'medium'), (learned, precision) => {
      const tolerances = new Tolerances('own', precision);
      const start = tolerances.of('other');
      for (const [isOwn, size] of learned) {
        tolerances.learn(isOwn ? 'own' : 'other', [agreementOf([size, size])], 1);
        const [own, other] = [tolerances.of('own'), tolerances.of('other')];
        expect(own.most >= 2e-5 && own.most <= 0.2).toBe(true);
        expect(other.most >= 1e-4 && other.most <= start.most && other.mean <= start.mean).toBe(true);
      }
    }),
  );
});
