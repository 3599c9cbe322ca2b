/** The metrics of a step, worked out by hand for four completions of two problems. */
import { describe, expect, test } from 'vitest';
import {
  type SequenceRecord,
  type StepSummary,
  summarise,
  type TokenRecord,
  unmeasured,
} from '../../src/grpo/metrics.ts';
import type { Completion } from '../../src/model/sampler.ts';
import { ProblemStream } from '../../src/tasks/arithmetic/generator.ts';
import { prompt } from '../../src/tasks/arithmetic/sample.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import { expectClose } from '../oracle/compare.ts';

const stream = new ProblemStream({ maxDigits: 1, maxDepth: 1 });
const problems = [stream.next(), stream.next()];

const completion = (index: number, tokens: number[]): Completion => ({
  prompt: index,
  tokens,
  logps: new Float32Array(tokens.length),
  finished: tokens.at(-1) === EOS,
});

const shortest = completion(0, [5, EOS]);
const completions = [shortest, completion(0, [5, 6, 7, 8]), completion(1, [EOS]), completion(1, [9, EOS])];

const token = (ratio: number, rest: Partial<TokenRecord> = {}): TokenRecord => {
  const logp = -1;
  const oldLogp = logp - Math.log(ratio);
  return { logp, oldLogp, proxLogp: oldLogp, kl: 0, entropy: 0.5, ...rest };
};

const RECORDS: SequenceRecord[] = [
  // The clip holds the first back.
  { completion: shortest, advantage: 1, tokens: [token(1.5), token(0.5)] },
  { completion: shortest, advantage: -1, tokens: [token(0.5, { entropy: 1.5 }), token(1.5)] },
  { completion: shortest, advantage: 0.5, tokens: [token(1, { kl: 0.3 })] },
];

const UPDATE = { records: RECORDS, loss: 1.25, policyLoss: 1.125, gradNorm: 2.5, skipped: 0 };

const STEP: StepSummary = {
  rollout: { problems, completions, rewards: [1, 0, 1, 1] },
  task: ARITHMETIC,
  updates: [UPDATE],
  lr: 1e-4,
  klCoef: 0.3,
  seconds: 0.75,
  skipped: 2,
  isCorrected: false,
  options: { groupSize: 2, loss: 'grpo', clipRatio: 0.2, clipRatioHigh: 0.2, importanceSamplingCap: 2 },
};

const summary = summarise(STEP);
const clipRatios = (options: Partial<StepSummary['options']>): number[] => {
  const metrics = summarise({ ...STEP, options: { ...STEP.options, ...options } });
  return ['low', 'high', 'region'].map((side) => metrics[`clip_ratio/${side}_mean`] ?? Number.NaN);
};

describe('summarise', () => {
  test('what is handed in is handed on', () => {
    expect(summary).toMatchObject({ loss: 1.25, policy_loss: 1.125, grad_norm: 2.5 });
    expect(summary).toMatchObject({ lr: 1e-4, kl_coef: 0.3, step_time: 0.75 });
  });

  test('KL and entropy are means over tokens', () => {
    expectClose([summary.kl, summary.entropy], [0.3 / 5, 0.7], { rtol: 1e-12 });
  });

  test('rewards: their mean, the mean of the groups’ sample deviations, the share of groups without any', () => {
    expectClose([summary.reward, summary.reward_std], [0.75, Math.SQRT1_2 / 2], { rtol: 1e-12 });
    expect(summary.frac_reward_zero_std).toBe(0.5);
  });

  test('the deviation of a group of three is over its degrees of freedom, two', () => {
    const rewards = [0, 1, 5, 2, 2, 2];
    const three = [0, 0, 0, 1, 1, 1].map((index) => completion(index, [EOS]));
    const rollout = { ...STEP.rollout, completions: three, rewards };
    const { reward_std: found } = summarise({ ...STEP, rollout, options: { ...STEP.options, groupSize: 3 } });
    // (4 + 1 + 9)/2 = 7 in the first group, 0 in the second.
    expectClose([found ?? Number.NaN], [Math.sqrt(7) / 2], { rtol: 1e-12 });
  });

  test('the clip holds back what has moved as its advantage asks; without an advantage nothing', () => {
    const records = [
      { completion: shortest, advantage: 1, tokens: [token(0.5), token(0.5), token(1.5)] },
      { completion: shortest, advantage: -1, tokens: [token(0.5), token(1.5), token(1.5), token(1.5)] },
      { completion: shortest, advantage: 0, tokens: [token(0.5), token(1.5), token(1)] },
    ];
    const metrics = summarise({ ...STEP, updates: [{ ...UPDATE, records }] });
    expect(metrics['clip_ratio/low_mean']).toBe(1 / 10);
    expect(metrics['clip_ratio/high_mean']).toBe(1 / 10);
    expect(metrics['clip_ratio/region_mean']).toBe(2 / 10);
  });

  test('clip ratios count the tokens that the clip holds back, by their side', () => {
    expect(clipRatios({})).toEqual([1 / 5, 1 / 5, 2 / 5]);
    expect(clipRatios({ clipRatio: 0.6 })).toEqual([0, 1 / 5, 1 / 5]);
    expect(clipRatios({ loss: 'dapo', clipRatioHigh: 0.6 })).toEqual([1 / 5, 0, 1 / 5]);
  });

  test('clip ratios of gspo count sequences, by the mean of their log-ratios', () => {
    // √(1.5·0.5) = 0.866 of both the first (A > 0) and the second (A < 0).
    expect(clipRatios({ loss: 'gspo' })).toEqual([0, 0, 0]);
    expect(clipRatios({ loss: 'gspo', clipRatio: 0.1 })).toEqual([1 / 3, 0, 1 / 3]);
  });

  test('completions: lengths with <eos>, and the share cut off', () => {
    expect(summary['completions/mean_length']).toBe(9 / 4);
    expect(summary['completions/min_length']).toBe(1);
    expect(summary['completions/max_length']).toBe(4);
    expect(summary['completions/clipped_ratio']).toBe(1 / 4);
  });

  test('the sampler’s log-probabilities against the trainer’s', () => {
    expectClose(
      [summary['sampling/sampling_logp_difference/mean'], summary['sampling/sampling_logp_difference/max']],
      [(2 * Math.log(1.5) + 2 * Math.log(2)) / 5, Math.log(2)],
      { rtol: 1e-12 },
    );
  });

  test('tokens: every completion with a prompt of its own', () => {
    const prompts = problems.reduce((sum, { expression }) => sum + 2 * prompt(expression).length, 0);
    expect(summary.num_tokens).toBe(prompts + 9);
  });

  test('several optimiser steps: means over them, but the sampler is compared in the first alone', () => {
    const later = {
      records: [{ completion: shortest, advantage: 1, tokens: [token(4, { kl: 1.2 })] }],
      loss: 0.25,
      policyLoss: 0.125,
      gradNorm: 1.5,
      skipped: 0,
    };
    const metrics = summarise({ ...STEP, updates: [UPDATE, later] });
    expect(metrics).toMatchObject({ loss: 0.75, policy_loss: 0.625, grad_norm: 2 });
    expectClose([metrics.kl], [1.5 / 6], { rtol: 1e-12 });
    expectClose([metrics['clip_ratio/high_mean']], [2 / 6], { rtol: 1e-12 });
    const name = 'sampling/sampling_logp_difference/max';
    expect(metrics[name]).toBe(summary[name]);
  });

  test('a corrected step: the weights by the policy before it, the share that the cap cut, and clips around that policy', () => {
    // ℓ_prox − ℓ_old and ℓ − ℓ_prox: the cap cuts the weights 3 and 4.
    const corrected = (weight: number, ratio: number) => {
      const [oldLogp, proxLogp] = [-2, -2 + Math.log(weight)];
      return token(1, { oldLogp, proxLogp, logp: proxLogp + Math.log(ratio) });
    };
    const records = [
      { completion: shortest, advantage: 1, tokens: [corrected(3, 1), corrected(0.5, 1.5)] },
      { completion: shortest, advantage: -1, tokens: [corrected(4, 0.5), corrected(1, 1)] },
    ];
    const of = (loss: 'grpo' | 'gspo') => {
      const options = { ...STEP.options, loss };
      const found = summarise({ ...STEP, updates: [{ ...UPDATE, records }], isCorrected: true, options });
      const names = ['min', 'mean', 'max', 'truncated'].map(
        (name) => `sampling/importance_sampling_ratio/${name}`,
      );
      return [...names, 'clip_ratio/low_mean', 'clip_ratio/high_mean'].map(
        (name) => found[name] ?? Number.NaN,
      );
    };
    expectClose(of('grpo'), [0.5, 5.5 / 4, 2, 2 / 4, 1 / 4, 1 / 4], { rtol: 1e-12 });
    // √(3·½) and √4, which is the cap; ratios √1.5 and √½.
    expectClose(of('gspo'), [Math.sqrt(1.5), (Math.sqrt(1.5) + 2) / 2, 2, 0, 1 / 2, 1 / 2], { rtol: 1e-9 });
    const difference = summarise({ ...STEP, updates: [{ ...UPDATE, records }], isCorrected: true });
    expectClose([difference['sampling/sampling_logp_difference/max']], [Math.log(3)], { rtol: 1e-12 });
    expect(Object.keys(summary).some((name) => name.includes('importance'))).toBe(false);
    const unseen = summarise({ ...STEP, updates: [], isCorrected: true });
    expect(unseen['sampling/importance_sampling_ratio/mean']).toBeNaN();
  });

  test('what was dropped counts in rewards, completions and tokens, and in nothing else', () => {
    const dropped = {
      problems: [problems[1]],
      completions: [completion(0, [7, 7, 7, 7, 7, EOS]), completion(0, [EOS])],
      rewards: [0, 0],
    };
    const metrics = summarise({ ...STEP, rollout: { ...STEP.rollout, dropped } });
    expectClose([metrics.reward, metrics.frac_reward_zero_std], [0.5, 2 / 3], { rtol: 1e-12 });
    expect(metrics['completions/max_length']).toBe(6);
    expect(metrics.num_tokens).toBe(
      (summary.num_tokens ?? 0) + 2 * prompt(problems[1].expression).length + 7,
    );
    for (const name of ['loss', 'kl', 'entropy', 'clip_ratio/region_mean']) {
      expect(metrics[name]).toBe(summary[name]);
    }
  });

  test('what was not measured is NaN, not 0: a step that trained on no token', () => {
    expect(Object.values(summary).every(Number.isFinite)).toBe(true);
    const nothing = summarise({ ...STEP, updates: [] });
    const untrained = ['loss', 'policy_loss', 'kl', 'entropy', 'grad_norm'];
    const compared = Object.keys(summary).filter((name) => /^clip_ratio|^sampling/.test(name));
    expect(compared.length).toBe(5);
    for (const [name, value] of Object.entries(summary)) {
      const isMeasured = !untrained.includes(name) && !compared.includes(name);
      expect(nothing[name], name).toBe(isMeasured ? value : Number.NaN);
    }
  });

  test('a step that sampled nothing: NaN, under the names that others have', () => {
    const { rollout, updates: _, ...step } = STEP;
    const names = ['correctness', 'length'];
    const parts = { correctness: [1, 0, 1, 1], length: [0, 0, 1, 0] };
    const nothing = unmeasured(step, names);
    expect(Object.keys(nothing)).toEqual(Object.keys(summarise({ ...STEP, rollout: { ...rollout, parts } })));
    const known = { lr: 1e-4, kl_coef: 0.3, skipped: 2, step_time: 0.75, num_tokens: 0 };
    for (const [name, value] of Object.entries({ ...nothing, ...known }))
      expect(nothing[name], name).toBe(value);
    expect(Object.values(nothing).filter(Number.isFinite).length).toBe(5);
  });

  test('rewards: mean and deviation of each, without those that abstained', () => {
    const parts = { graded: [1, 0, null, 3], rare: [null, null, null, 5], never: [null, null, null, null] };
    const metrics = summarise({ ...STEP, rollout: { ...STEP.rollout, parts } });
    expectClose([metrics['rewards/graded/mean'], metrics['rewards/graded/std']], [4 / 3, Math.SQRT1_2]);
    expect([metrics['rewards/rare/mean'], metrics['rewards/rare/std']]).toEqual([5, Number.NaN]);
    expect([metrics['rewards/never/mean'], metrics['rewards/never/std']]).toEqual([Number.NaN, Number.NaN]);
    // All three of them, for the third of four.
    expect(metrics.frac_reward_missing).toBe(1 / 4);
  });

  test('the names are TRL’s, where it has one', () => {
    expect(Object.keys(summary).sort()).toEqual(
      [
        ...[
          'loss',
          'policy_loss',
          'kl',
          'kl_coef',
          'entropy',
          'reward',
          'reward_std',
          'frac_reward_zero_std',
        ],
        ...['clip_ratio/low_mean', 'clip_ratio/high_mean', 'clip_ratio/region_mean'],
        ...['mean_length', 'min_length', 'max_length', 'clipped_ratio'].map((name) => `completions/${name}`),
        ...['mean', 'max'].map((name) => `sampling/sampling_logp_difference/${name}`),
        ...['grad_norm', 'num_tokens', 'step_time', 'lr', 'skipped'],
      ].sort(),
    );
  });
});
