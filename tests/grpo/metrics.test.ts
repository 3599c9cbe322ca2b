/** The metrics of a step, worked out by hand for four completions of two problems. */
import { describe, expect, test } from 'vitest';
import { summarise, type TokenRecord } from '../../src/grpo/metrics.ts';
import { ProblemStream } from '../../src/math/generator.ts';
import { prompt } from '../../src/math/sample.ts';
import { EOS } from '../../src/math/tokenizer.ts';
import type { Completion } from '../../src/model/sampler.ts';
import { expectClose } from '../oracle/compare.ts';

const stream = new ProblemStream({ maxDigits: 1, maxDepth: 1 });
const problems = [stream.next(), stream.next()];

const completion = (index: number, tokens: number[]): Completion => ({
  prompt: index,
  tokens,
  logps: new Float32Array(tokens.length),
  finished: tokens.at(-1) === EOS,
});

const completions = [
  completion(0, [5, EOS]),
  completion(0, [5, 6, 7, 8]),
  completion(1, [EOS]),
  completion(1, [9, EOS]),
];

const token = (
  ratio: number,
  advantage: number,
  weight: number,
  rest: Partial<TokenRecord> = {},
): TokenRecord => {
  const logp = -1;
  return { logp, oldLogp: logp - Math.log(ratio), refLogp: logp, entropy: 0.5, advantage, weight, ...rest };
};

const RECORDS = [
  token(1.5, 1, 0.1), // clipped: counts 1.2
  token(0.5, 1, 0.1), // not clipped: the surrogate takes the lower one
  token(0.5, -1, 0.2, { entropy: 1.5 }), // clipped: counts −0.8
  token(1.5, -1, 0.2), // not clipped
  token(1, 0.5, 0.4, { refLogp: -1 + Math.log(2) }), // KL 2 − 1 − log 2
];

const summary = summarise({
  rollout: { problems, completions, rewards: [1, 0, 1, 1] },
  records: RECORDS,
  groupSize: 2,
  loss: 1.25,
  gradNorm: 2.5,
  lr: 1e-4,
  seconds: 0.75,
  options: { clipRatio: 0.2 },
});

describe('summarise', () => {
  test('what is handed in is handed on', () => {
    expect(summary).toMatchObject({ loss: 1.25, grad_norm: 2.5, lr: 1e-4, step_time: 0.75 });
  });

  test('the policy loss is −Σ w·S', () => {
    const surrogate = 0.1 * 1.2 + 0.1 * 0.5 + 0.2 * -0.8 + 0.2 * -1.5 + 0.4 * 0.5;
    expectClose([summary.policy_loss], [-surrogate], { rtol: 1e-12 });
  });

  test('KL and entropy are means over tokens', () => {
    expectClose([summary.kl, summary.entropy], [(1 - Math.LN2) / 5, 0.7], { rtol: 1e-12 });
  });

  test('rewards: their mean, the mean of the groups’ sample deviations, the share of groups without any', () => {
    expectClose([summary.reward, summary.reward_std], [0.75, Math.SQRT1_2 / 2], { rtol: 1e-12 });
    expect(summary.frac_reward_zero_std).toBe(0.5);
  });

  test('clip ratios count the tokens that the clip silences, by their side', () => {
    expect(summary['clip_ratio/low_mean']).toBe(1 / 5);
    expect(summary['clip_ratio/high_mean']).toBe(1 / 5);
    expect(summary['clip_ratio/region_mean']).toBe(2 / 5);
  });

  test('completions: lengths with <eos>, and the share cut off', () => {
    expect(summary['completions/mean_length']).toBe(9 / 4);
    expect(summary['completions/min_length']).toBe(1);
    expect(summary['completions/max_length']).toBe(4);
    expect(summary['completions/clipped_ratio']).toBe(1 / 4);
  });

  test('the sampler’s log-probabilities against the trainer’s', () => {
    const differences = RECORDS.map(({ logp, oldLogp }) => Math.abs(logp - oldLogp));
    expectClose(
      [summary['sampling/sampling_logp_difference/mean'], summary['sampling/sampling_logp_difference/max']],
      [(2 * Math.log(1.5) + 2 * Math.log(2)) / 5, Math.log(2)],
      { rtol: 1e-12 },
    );
    expect(Math.max(...differences)).toBe(summary['sampling/sampling_logp_difference/max']);
  });

  test('tokens: every completion with a prompt of its own', () => {
    const prompts = problems.reduce((sum, { expression }) => sum + 2 * prompt(expression).length, 0);
    expect(summary.num_tokens).toBe(prompts + 9);
  });

  test('every metric is a number', () => {
    expect(Object.values(summary).every(Number.isFinite)).toBe(true);
  });
});
