/** Rewards: functions of a problem and a completion. Several add up, each with its weight. */
import { shownValue } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import type { Outcome, Task, TaskProblem } from '../tasks/task.ts';

/** A completion as rewards see it. */
export interface RewardedCompletion {
  /** The sampled token ids, with the end if it was produced. */
  readonly tokens: readonly number[];
  /** Their text. */
  readonly text: string;
  /** Whether the end was produced; if not, the completion was cut off. */
  readonly finished: boolean;
  /** The task's verdict. */
  readonly outcome: Outcome;
  /** What was answered; null without an answer. */
  readonly answer: string | null;
  /** Most tokens that it could have had. */
  readonly maxLength: number;
}

/** What a reward is told besides. */
export interface RewardContext {
  /** Aborted once the value is no longer waited for. */
  readonly signal: AbortSignal;
}

/** What a reward gives: a finite number, or null to abstain, which leaves it out of the sum for that completion. */
export type RewardValue = number | null;

/** A reward. */
export interface Reward {
  /** What the metrics call it. */
  readonly name: string;
  /** The factor of its value in the sum; 1 unless given. */
  readonly weight?: number;
  /**
   * The value of a completion, at once or later. `problem` is one of the task's training problems. Both are copies:
   * changing them changes nothing.
   */
  reward(
    problem: TaskProblem,
    completion: RewardedCompletion,
    context: RewardContext,
  ): RewardValue | Promise<RewardValue>;
}

/** The rewards that come built in. */
export const REWARD_NAMES = ['correctness', 'format', 'length', 'partial'] as const;
/** See `builtInReward`. */
export type RewardName = (typeof REWARD_NAMES)[number];

/**
 * A reward that comes built in, from 0 to 1:
 *   correctness  1 for the right answer
 *   format       1 for an answer with an end, right or wrong
 *   length       of a right answer, the share of `maxLength` that it left; 0 for others, so that being brief and wrong
 *                gains nothing
 *   partial      1 for the right answer, else the task's partial credit, which is less; 0 for a completion without an
 *                end, as never to end would be a way to keep a credit and risk nothing
 * @throws MathformerError for `partial` if the task knows no partial credit.
 */
export function builtInReward(name: RewardName, task: Task, weight = 1): Reward {
  const right = ({ outcome }: RewardedCompletion): boolean => outcome === 'correct';
  switch (name) {
    case 'correctness':
      return { name, weight, reward: (_, completion) => (right(completion) ? 1 : 0) };
    case 'format':
      return {
        name,
        weight,
        reward: (_, { outcome }) => (outcome === 'correct' || outcome === 'wrong' ? 1 : 0),
      };
    case 'length':
      return {
        name,
        weight,
        reward: (_, completion) =>
          right(completion) ? 1 - completion.tokens.length / completion.maxLength : 0,
      };
    case 'partial': {
      if (!task.partialCredit) {
        const fix = 'choose another reward, or give the task a partialCredit';
        throw new MathformerError(`the task ${task.name} knows no partial credit`, {
          code: 'BAD_OPTION',
          where: 'reward partial',
          fix,
        });
      }
      const credit = task.partialCredit.bind(task);
      return {
        name,
        weight,
        reward(problem, completion) {
          if (right(completion)) return 1;
          return completion.finished ? credit(problem, completion.tokens) : 0;
        },
      };
    }
    default:
      return name satisfies never;
  }
}

/** @throws MathformerError for what are no rewards, or for rewards that cannot be added up or told apart. */
export function checkRewards(rewards: readonly Reward[]): void {
  const problem = Array.isArray(rewards)
    ? (rewards.length === 0 && 'there is no reward') || problemOf(rewards)
    : `the rewards are ${shownValue(rewards)}, not a list`;
  if (!problem) return;
  const fix =
    'give at least one reward { name, weight, reward }, each with a name of its own, a function and a finite weight';
  throw new MathformerError(problem, { code: 'BAD_OPTION', where: 'rewards', fix });
}

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
