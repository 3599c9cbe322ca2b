/** Warnings: the condition and the fix of each, at most once in `every` steps. */
import { describe, expect, test } from 'vitest';
import type { GrpoMetrics } from '../../src/grpo/metrics.ts';
import { WARNING_NAMES, type WarningName, Warnings } from '../../src/grpo/warnings.ts';

const DIFFERENCE = 'sampling/sampling_logp_difference/mean';
const FINE: GrpoMetrics = {
  reward: 0.4,
  frac_reward_zero_std: 0.9,
  'completions/clipped_ratio': 0.2,
  kl: 1,
  entropy: 0.5,
  [DIFFERENCE]: 1e-5,
};

const SIGNS: readonly [WarningName, GrpoMetrics, RegExp, RegExp][] = [
  ['equal rewards', { frac_reward_zero_std: 1, reward: 0 }, /all rewards are equal \(mean 0/, /--curriculum/],
  ['no rewards', { frac_reward_missing: 0.25 }, /null for 25 % of the completions/, /at least one reward/],
  ['truncation', { 'completions/clipped_ratio': 0.21 }, /21 % .* cut off/, /--max_gen_len/],
  ['kl', { kl: 1.5 }, /1\.50 nats per token/, /--kl_coef/],
  ['entropy collapse', { entropy: 0.04 }, /from 0\.500 to 0\.0400/, /--entropy_coef/],
  ['sampler mismatch', { [DIFFERENCE]: 0.002 }, /differ by 0\.0020/, /--adapter/],
  [
    'stale completions',
    { 'sampling/importance_sampling_ratio/truncated': 0.11 },
    /11 % of the weights/,
    /--staleness/,
  ],
  ['skipped steps', { skipped: 3 }, /3 steps so far were skipped/, /lower --lr/],
];

describe('warnings', () => {
  test('are all here', () => {
    expect(SIGNS.map(([name]) => name)).toEqual([...WARNING_NAMES]);
  });

  test('say nothing of what is fine, nor of what is not measured', () => {
    const warnings = new Warnings();
    for (let step = 1; step < 10; step++) expect(warnings.check(step, FINE)).toEqual([]);
    expect(new Warnings().check(1, {})).toEqual([]);
  });

  test.each(SIGNS)('%s', (name, metrics, problem, fix) => {
    const warnings = new Warnings({ every: 10 });
    expect(warnings.check(1, FINE)).toEqual([]);
    const [warning, ...others] = warnings.check(2, { ...FINE, ...metrics });
    expect(others).toEqual([]);
    expect(warning?.name).toBe(name);
    expect(warning?.problem).toMatch(problem);
    expect(warning?.fix).toMatch(fix);
    for (let step = 3; step < 12; step++) expect(warnings.check(step, { ...FINE, ...metrics })).toEqual([]);
    expect(warnings.check(12, { ...FINE, ...metrics }).length).toBe(1);
  });

  test('a difference between sampler and trainer is expected where the loss corrects for it', () => {
    const ratio = 'sampling/importance_sampling_ratio';
    const corrected = { [`${ratio}/mean`]: 1.01, [`${ratio}/truncated`]: 0.1, [DIFFERENCE]: 0.002 };
    expect(new Warnings().check(1, { ...FINE, ...corrected })).toEqual([]);
  });

  test('of different things come together', () => {
    const warnings = new Warnings();
    warnings.check(1, FINE);
    const all = Object.assign({}, FINE, ...SIGNS.map(([, metrics]) => metrics));
    expect(warnings.check(2, all).map(({ name }) => name)).toEqual([...WARNING_NAMES]);
  });

  test('a first step that trained on no token has no entropy to compare with', () => {
    const warnings = new Warnings();
    expect(warnings.check(1, { ...FINE, entropy: Number.NaN })).toEqual([]);
    expect(warnings.check(2, FINE)).toEqual([]);
    expect(warnings.check(3, { ...FINE, entropy: 0.04 }).length).toBe(1);
  });

  test('the entropy is compared with that of the first step', () => {
    const low = { ...FINE, entropy: 0.01 };
    const warnings = new Warnings();
    expect(warnings.check(1, low)).toEqual([]);
    expect(warnings.check(2, { ...low, entropy: 0.0011 })).toEqual([]);
    expect(warnings.check(3, { ...low, entropy: 0.0009 }).length).toBe(1);
  });
});
