/** Rewards: the built-in ones, sums of several, and errors that name the failing reward. */
import { describe, expect, test, vi } from 'vitest';
import {
  builtInReward,
  checkRewards,
  REWARD_NAMES,
  type Reward,
  type RewardedCompletion,
} from '../../src/grpo/reward.ts';
import { allAbstained, RewardError, rewardSums, rewardValues } from '../../src/grpo/rewardValues.ts';
import { groupsOf, joined, type Rollout } from '../../src/grpo/rollout.ts';
import { scratchpad } from '../../src/tasks/arithmetic/scratchpad.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { parse } from '../../src/tasks/expressions/parser.ts';
import type { TaskProblem } from '../../src/tasks/task.ts';

const problem = { expression: '16+27', answer: '43', tree: parse('16+27') };
const STEPS = scratchpad(problem.tree);

/** Return a completion with this text, graded as in the trainer. */
function completion(text: string, about: TaskProblem = problem): RewardedCompletion {
  const tokens = ARITHMETIC.tokenizer.encode(text);
  const { outcome, answer } = ARITHMETIC.grade(about, tokens);
  return { tokens, text, finished: text.endsWith('<eos>'), outcome, answer, maxLength: 64 };
}

const RIGHT = completion(`${STEPS}<answer>43<eos>`);
const LUCKY = completion('1=1<answer>43<eos>');
const WRONG = completion(`${STEPS}<answer>44<eos>`);
const SILENT = completion('6+7=13<eos>');
const CUT = completion('6+7=13, carry 1');
const ALL = [RIGHT, LUCKY, WRONG, SILENT, CUT];

const values = (rewards: readonly Reward[], completions: readonly RewardedCompletion[], seconds = 5) =>
  rewardValues(
    rewards,
    completions.map((each) => ({ problem, completion: each })),
    seconds,
  );

describe('the built-in rewards', () => {
  const built = REWARD_NAMES.map((name) => builtInReward(name, ARITHMETIC));

  test('of completions right and wrong', async () => {
    const found = await values(built, ALL);
    expect(found.correctness).toEqual([1, 1, 0, 0, 0]);
    expect(found.format).toEqual([1, 1, 1, 0, 0]);
    const left = ({ tokens }: RewardedCompletion): number => 1 - tokens.length / 64;
    expect(found.length).toEqual([left(RIGHT), left(LUCKY), 0, 0, 0]);
    const count = STEPS.split(', ').length;
    expect(found.partial).toEqual([1, 1, count / (count + 1), 1 / (count + 1), 0]);
  });

  test('partial credit is never above that of a right answer, and the task must know it', async () => {
    const { partial } = await values(built, ALL);
    expect(Math.max(...partial.slice(2).map(Number))).toBeLessThan(1);
    const { partialCredit: _, ...without } = ARITHMETIC;
    const build = () => builtInReward('partial', without);
    expect(build).toThrow(/arithmetic has no partial credit/);
    expect(build).toThrow(expect.objectContaining({ code: 'BAD_OPTION', where: 'reward partial' }));
  });
});

describe('several rewards', () => {
  const early: Reward = { name: 'early', weight: 2, reward: (_, { tokens }) => tokens.length };
  const late: Reward = {
    name: 'late',
    weight: -0.5,
    reward: async (_, { text }) => {
      await new Promise((resolve) => setTimeout(resolve, text.length % 3));
      return text.length;
    },
  };

  test('are asked for every completion, at once or later, and add up by their weights', async () => {
    const found = await values([early, late], ALL);
    expect(found.early).toEqual(ALL.map(({ tokens }) => tokens.length));
    expect(found.late).toEqual(ALL.map(({ text }) => text.length));
    expect(rewardSums([early, late], found)).toEqual(
      ALL.map(({ tokens, text }) => 2 * tokens.length - text.length / 2),
    );
    expect(rewardSums([{ ...early, weight: 1 }], found)).toEqual(found.early);
  });

  test('are all asked before the first is waited for', async () => {
    let asked = 0;
    const counting: Reward = {
      name: 'counting',
      reward: async () => {
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 1));
        return asked;
      },
    };
    expect((await values([counting], ALL)).counting).toEqual([5, 5, 5, 5, 5]);
  });

  test('parts follow their completions through groups', () => {
    const rollout: Rollout = {
      problems: [problem, problem],
      completions: [0, 0, 1, 1].map((prompt) => ({
        prompt,
        tokens: [],
        logps: new Float32Array(),
        finished: true,
      })),
      rewards: [1, 2, 3, 4],
      parts: { a: [1, 2, 3, 4], b: [5, 6, 7, 8] },
    };
    const groups = groupsOf(rollout, 2);
    expect(groups.map(({ parts }) => parts)).toEqual([
      { a: [1, 2], b: [5, 6] },
      { a: [3, 4], b: [7, 8] },
    ]);
    expect(joined([...groups, joined([])])).toEqual(rollout);
    expect(joined([])).not.toHaveProperty('parts');
  });

  test('null abstains: it is left out of the sum, which is 0 if all abstain', async () => {
    const rare: Reward = { name: 'rare', reward: (_, { outcome }) => (outcome === 'correct' ? 5 : null) };
    const later: Reward = {
      name: 'later',
      weight: 2,
      reward: async (_, c) =>
        c === undefined ? 0 : rare.reward(problem, c, { signal: new AbortController().signal }),
    };
    const found = await values([rare, later], ALL);
    expect(found).toEqual({ rare: [5, 5, null, null, null], later: [5, 5, null, null, null] });
    expect(rewardSums([rare, later], found)).toEqual([15, 15, 0, 0, 0]);
    expect(allAbstained(found)).toEqual([false, false, true, true, true]);
    expect(allAbstained({ ...found, more: [1, null, 1, null, 1] })).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
  });

  test('what a reward does to what it is shown changes nothing', async () => {
    const before = structuredClone([problem, ALL]);
    const seen: string[] = [];
    const vandal: Reward = {
      name: 'vandal',
      reward(shownProblem, shownCompletion) {
        seen.push(JSON.stringify([shownProblem.expression, shownProblem.answer, shownCompletion.tokens]));
        (shownCompletion.tokens as number[]).reverse().push(1);
        Object.assign(shownCompletion, { text: 'gone', outcome: 'correct' });
        Object.assign(shownProblem, { expression: 'gone', answer: 'gone' });
        Object.assign((shownProblem as typeof problem).tree, { kind: 'gone' });
        return 0;
      },
    };
    await values([vandal, { ...vandal, name: 'another' }], [RIGHT, RIGHT, CUT]);
    expect([problem, ALL]).toEqual(before);
    expect(new Set(seen.slice(0, 2)).size).toBe(1);
    expect(seen.slice(3)).toEqual(seen.slice(0, 3));
  });

  test.each([
    [[], /there is no reward/],
    [[early, early], /two rewards are called early/],
    [[{ ...early, weight: Number.NaN }], /the weight of the reward early is NaN/],
    [[{ ...early, weight: '2' as never }], /the weight of the reward early is "2"/],
    [[early, { ...late, name: '' }], /rewards\[1\] has the name ""/],
    [[{ ...early, name: undefined as never }], /rewards\[0\] has the name undefined/],
    [[undefined as never], /rewards\[0\] has the name undefined/],
    [[{ ...early, reward: 1 as never }], /the reward early has no function `reward`/],
    [early as never, /not a list/],
  ])('%# cannot be', (rewards, message) => {
    expect(() => checkRewards(rewards)).toThrow(message);
    const about = { code: 'BAD_OPTION', where: 'rewards', fix: expect.stringContaining('a unique name') };
    expect(() => checkRewards(rewards)).toThrow(expect.objectContaining(about));
  });
});

describe('a reward that gives no number', () => {
  const odd = (reward: Reward['reward']): Reward => ({ name: 'odd', reward });
  const failure = async (rewards: readonly Reward[], seconds = 5): Promise<RewardError> => {
    const error = await values(rewards, [RIGHT], seconds).catch((thrown: unknown) => thrown);
    if (error instanceof RewardError) return error;
    throw new Error(`no RewardError but ${error}`);
  };

  test.each<[string, Reward['reward'], RegExp]>([
    ['NaN', () => Number.NaN, /gave NaN, not a finite number/],
    ['infinity, later', async () => Number.POSITIVE_INFINITY, /gave Infinity/],
    ['nothing', (() => undefined) as never, /gave undefined/],
    ['a text', (() => '1') as never, /gave "1"/],
    ['a boolean', (() => true) as never, /gave true, not a finite number/],
    ['a boolean, later', (async () => false) as never, /gave false/],
    ['nothing, later', (async () => undefined) as never, /gave undefined/],
    ['a big integer', (() => 1n) as never, /gave 1n, not a finite number/],
    ['a list', (() => [1]) as never, /gave \[1\]/],
  ])('%s', async (_, reward, message) => {
    const error = await failure([odd(reward)]);
    expect(error).toMatchObject({ code: 'REWARD_NOT_FINITE', reward: 'odd', problem, completion: RIGHT });
    expect(error.message).toMatch(message);
    expect(error.message).toContain('the reward odd');
    expect(error.message).toContain('problem "16+27"');
    expect(error.message).toContain('completion "6+7=13');
  });

  test.each<[string, Reward['reward']]>([
    [
      'at once',
      () => {
        throw new TypeError('boom');
      },
    ],
    ['later', async () => Promise.reject(new TypeError('boom'))],
  ])('thrown %s', async (_, reward) => {
    const error = await failure([odd(reward)]);
    expect(error).toMatchObject({ code: 'REWARD_THREW', where: 'reward odd', fix: 'correct the reward' });
    expect(error.message).toContain('threw "boom"');
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test.each<[string, unknown, RegExp]>([
    ['an object', { code: 7 }, /threw \{"code":7\}/],
    ['nothing', undefined, /threw undefined/],
    ['what no text can be made of', Object.assign(Object.create(null), { big: 1n }), /threw an object/],
  ])('thrown: %s', async (_, thrown, message) => {
    const now = odd(() => {
      throw thrown;
    });
    const later = odd(async () => Promise.reject(thrown));
    for (const reward of [now, later]) expect((await failure([reward])).message).toMatch(message);
  });

  test('too late, and told so', async () => {
    const aborted = vi.fn();
    const slow = odd((_, __, { signal }) => {
      signal.addEventListener('abort', aborted);
      return new Promise(() => undefined);
    });
    const error = await failure([slow], 0.02);
    expect(error).toMatchObject({ code: 'REWARD_TIMEOUT', fix: expect.stringContaining('--reward_timeout') });
    expect(error.message).toContain('took more than 0.02 s');
    expect(aborted).toHaveBeenCalledOnce();
  });

  test('what others reject later is nobody’s surprise', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const later = odd(() => new Promise((_, reject) => setTimeout(() => reject(new Error('later')), 5)));
    const now: Reward = { name: 'now', reward: () => Number.NaN };
    await failure([later, now]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});
