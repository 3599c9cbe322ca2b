/** Rewards: functions of a problem and a completion. Several rewards add up, each with its weight. */
import { shownValue } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import type { Outcome, Task, TaskProblem } from '../tasks/task.ts';

/** A completion as a reward receives it. */
export interface RewardedCompletion {
  /** The sampled token ids, including the end token if there is one. */
  readonly tokens: readonly number[];
  /** The decoded tokens. */
  readonly text: string;
  /** True if the completion has its end token, false if it was cut off. */
  readonly finished: boolean;
  /** The task's verdict. */
  readonly outcome: Outcome;
  /** The answer in the completion; null without one. */
  readonly answer: string | null;
  /** Maximum number of tokens of a completion. */
  readonly maxLength: number;
}

/** Additional argument of a reward. */
export interface RewardContext {
  /** Aborted when nobody waits for the value any longer. */
  readonly signal: AbortSignal;
}

/** The value of a reward: a finite number, or null to abstain, which leaves the reward out of this completion's sum. */
export type RewardValue = number | null;

/** A reward. */
export interface Reward {
  /** Name in the metrics, unique among the rewards. */
  readonly name: string;
  /** Factor of the value in the sum. Default: 1. */
  readonly weight?: number;
  /**
   * Return the value of a completion, or a promise of it. `problem` is one of the task's training problems. Both are
   * copies: changes to them have no effect.
   */
  reward(
    problem: TaskProblem,
    completion: RewardedCompletion,
    context: RewardContext,
  ): RewardValue | Promise<RewardValue>;
}

/** The names of the built-in rewards. */
export const REWARD_NAMES = ['correctness', 'format', 'length', 'partial'] as const;
/** The name of a built-in reward: see `builtInReward`. */
export type RewardName = (typeof REWARD_NAMES)[number];

/**
 * Return a built-in reward. Its values are from 0 to 1:
 *   correctness  1 for the right answer
 *   format       1 for a finished completion with an answer, right or wrong
 *   length       the unused share of `maxLength` for a right answer; 0 for others, so that a short wrong answer gains
 *                nothing
 *   partial      1 for the right answer, else the task's partial credit, which is below 1; 0 for a completion that was
 *                cut off, so that a policy cannot keep a credit by never ending
 * @throws MathformerError for `partial` if the task has no partial credit.
 */
export function builtInReward(name: RewardName, task: Task, weight = 1): Reward {
  return { name, weight, reward: BUILT_IN[name](task) };
}

const isRight = ({ outcome }: RewardedCompletion): boolean => outcome === 'correct';

const BUILT_IN: Readonly<Record<RewardName, (task: Task) => Reward['reward']>> = {
  correctness: () => (_, completion) => (isRight(completion) ? 1 : 0),
  format:
    () =>
    (_, { outcome }) =>
      outcome === 'correct' || outcome === 'wrong' ? 1 : 0,
  length: () => (_, completion) =>
    isRight(completion) ? 1 - completion.tokens.length / completion.maxLength : 0,
  partial: (task) => {
    const credit = task.partialCredit?.bind(task);
    if (!credit) {
      const fix = 'choose another reward, or give the task a partialCredit';
      throw new MathformerError(`the task ${task.name} has no partial credit`, {
        code: 'BAD_OPTION',
        where: 'reward partial',
        fix,
      });
    }
    return (problem, completion) => {
      if (isRight(completion)) return 1;
      return completion.finished ? credit(problem, completion.tokens) : 0;
    };
  },
};

/** @throws MathformerError if these are not rewards, or if a name, function or weight among them is invalid. */
export function checkRewards(rewards: readonly Reward[]): void {
  const problem = Array.isArray(rewards)
    ? (rewards.length === 0 && 'there is no reward') || problemOf(rewards)
    : `the rewards are ${shownValue(rewards)}, not a list`;
  if (!problem) return;
  const fix =
    'give at least one reward { name, weight, reward }, each with a unique name, a function and a finite weight';
  throw new MathformerError(problem, { code: 'BAD_OPTION', where: 'rewards', fix });
}

/** Describe the first mistake in the rewards; undefined without one. */
function problemOf(rewards: readonly Reward[]): string | undefined {
  const names = new Set<string>();
  for (const [i, given] of rewards.entries()) {
    const { name, weight = 1, reward }: Partial<Reward> = given ?? {};
    if (typeof name !== 'string' || name === '') return `rewards[${i}] has the name ${shownValue(name)}`;
    if (names.has(name)) return `two rewards are called ${name}`;
    if (typeof reward !== 'function') return `the reward ${name} has no function \`reward\``;
    if (!Number.isFinite(weight)) return `the weight of the reward ${name} is ${shownValue(weight)}`;
    names.add(name);
  }
  return undefined;
}
