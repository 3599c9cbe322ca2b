/** The control experiment: as many rewards as right answers, but independent of their completions. */
import { expect, test } from 'vitest';
import { shuffledReward } from '../../experiments/shuffledReward.ts';
import type { RewardedCompletion } from '../../src/grpo/reward.ts';

const completion = (correct: boolean): RewardedCompletion => ({
  tokens: [],
  text: '',
  finished: true,
  outcome: correct ? 'correct' : 'wrong',
  answer: null,
  maxLength: 8,
});

test('rewards are as frequent as right answers, and independent of the own one', () => {
  const { reward } = shuffledReward(3);
  const problem = { expression: '1+1', answer: '2' };
  const rewards = { right: [] as number[], wrong: [] as number[] };
  for (let i = 0; i < 20_000; i++) {
    const correct = i % 10 < 3;
    const value = reward(problem, completion(correct), { signal: new AbortController().signal });
    if (i >= 1000) rewards[correct ? 'right' : 'wrong'].push(Number(value));
  }
  const share = (values: readonly number[]): number =>
    values.filter((value) => value === 1).length / values.length;
  // Five standard errors of 5,700 and 13,300 draws.
  expect(Math.abs(share(rewards.right) - 0.3)).toBeLessThan(0.031);
  expect(Math.abs(share(rewards.wrong) - 0.3)).toBeLessThan(0.02);
  expect(rewards.wrong.every((value) => value === 0 || value === 1)).toBe(true);
});
