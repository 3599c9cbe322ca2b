/** Compute the values of rewards, all at the same time. Errors name the reward, the problem and the completion. */

import { shownValue } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import type { TaskProblem } from '../tasks/task.ts';
import { deepCopy } from './deepCopy.ts';
import type { Reward, RewardedCompletion, RewardValue } from './reward.ts';

/** The kind of failure of a reward. */
export type RewardErrorCode = 'REWARD_THREW' | 'REWARD_NOT_FINITE' | 'REWARD_TIMEOUT';

/** The error of a reward that returned neither a finite number nor null. */
export class RewardError extends MathformerError {
  declare readonly code: RewardErrorCode;
  readonly problem: TaskProblem;
  readonly completion: RewardedCompletion;
  /** The returned value, if any. */
  readonly value: unknown;

  /**
   * @param reward the reward's name.
   * @param what the failure, as a predicate of the message, such as "threw 'no file'".
   */
  constructor(
    code: RewardErrorCode,
    readonly reward: string,
    { problem, completion }: RewardCase,
    what: string,
    { cause, value }: { readonly cause?: unknown; readonly value?: unknown } = {},
  ) {
    const about = `for problem ${shownValue(problem.expression)} and completion ${shownValue(completion.text)}`;
    const fix =
      code === 'REWARD_TIMEOUT' ? 'make it faster, or raise --reward_timeout' : 'correct the reward';
    super(`the reward ${reward} ${what} ${about}`, { code, where: `reward ${reward}`, fix }, { cause });
    this.problem = problem;
    this.completion = completion;
    this.value = value;
  }
}

/** A completion to reward, with its problem. */
export interface RewardCase {
  readonly problem: TaskProblem;
  readonly completion: RewardedCompletion;
}

interface Question extends RewardCase {
  readonly reward: Reward;
}

/** For each reward by name, the value of every completion; null where the reward abstained. */
export type RewardValues = Readonly<Record<string, readonly RewardValue[]>>;

/**
 * Return the value of every reward for every completion, without weights.
 * @param seconds time limit for values that are promises.
 * @throws RewardError if a reward throws, exceeds the time limit, or returns neither a finite number nor null.
 */
export async function rewardValues(
  rewards: readonly Reward[],
  cases: readonly RewardCase[],
  seconds: number,
): Promise<RewardValues> {
  const limit = new TimeLimit(seconds);
  try {
    const values = rewards.map((reward) => cases.map((each) => answered({ reward, ...each }, limit)));
    const waited = values.flat().some((value) => value instanceof Promise);
    const done = waited
      ? await Promise.all(values.map((each) => Promise.all(each)))
      : (values as RewardValue[][]);
    return Object.fromEntries(rewards.map(({ name }, i) => [name, done[i] ?? []]));
  } finally {
    limit.end();
  }
}

/** Return for each completion Σ weight·value over the rewards that did not abstain; 0 if all abstained, as in TRL. */
export function rewardSums(rewards: readonly Reward[], values: RewardValues): number[] {
  const [first] = rewards;
  const count = first ? (values[first.name]?.length ?? 0) : 0;
  return Array.from({ length: count }, (_, i) =>
    rewards.reduce((sum, { name, weight = 1 }) => sum + weight * (values[name]?.[i] ?? 0), 0),
  );
}

/** @throws RewardError for the first sum that is not finite as a 32-bit float, the type of advantages. */
export function checkSums(
  sums: readonly number[],
  rewards: readonly Reward[],
  cases: readonly RewardCase[],
): void {
  const at = sums.findIndex((sum) => !Number.isFinite(Math.fround(sum)));
  const found = cases[at];
  if (!found) return;
  const names = rewards.map(({ name }) => name).join(' + ');
  throw notFinite(names, found, `times its weight is ${sums[at]}, beyond 32-bit floats,`, sums[at]);
}

/** Return for each completion true if all rewards abstained. */
export function allAbstained(values: RewardValues): boolean[] {
  const [first = [], ...others] = Object.values(values);
  return first.map((value, i) => value === null && others.every((each) => each[i] === null));
}

/** Return the error for rewards that returned null for every completion; it names the first one. */
export function nothingRewarded(rewards: readonly Reward[], first: RewardCase): RewardError {
  const names = rewards.map(({ name }) => name).join(', ');
  return notFinite(names, first, 'gave null for every completion, such as', null);
}

/**
 * Call a reward and check its value. Errors become rejected promises, since an exception here would leave the promises
 * of earlier rewards unhandled.
 */
function answered(question: Question, limit: TimeLimit): RewardValue | Promise<RewardValue> {
  const { reward, problem, completion } = question;
  try {
    const value = reward.reward(deepCopy(problem), deepCopy(completion), { signal: limit.signal });
    return isThenable(value) ? settled(question, value, limit) : checked(question, value);
  } catch (cause) {
    return Promise.reject(cause instanceof RewardError ? cause : threw(question, cause));
  }
}

/** Wait for a promised value, at most until the time limit. */
async function settled(
  question: Question,
  later: PromiseLike<RewardValue>,
  limit: TimeLimit,
): Promise<RewardValue> {
  const value = await Promise.race([
    Promise.resolve(later).catch((cause) => {
      throw threw(question, cause);
    }),
    limit.expired.then(() => {
      const what = `took more than ${limit.seconds} s`;
      throw new RewardError('REWARD_TIMEOUT', question.reward.name, question, what);
    }),
  ]);
  return checked(question, value);
}

function checked(question: Question, value: unknown): RewardValue {
  if (value === null || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw notFinite(question.reward.name, question, `gave ${shownValue(value)}, not a finite number,`, value);
}

function notFinite(name: string, about: RewardCase, what: string, value: unknown): RewardError {
  return new RewardError('REWARD_NOT_FINITE', name, about, what, { value });
}

function threw(question: Question, cause: unknown): RewardError {
  const what = cause instanceof Error ? cause.message : cause;
  return new RewardError('REWARD_THREW', question.reward.name, question, `threw ${shownValue(what)}`, {
    cause,
  });
}

function isThenable(value: unknown): value is PromiseLike<RewardValue> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** A time limit. It starts when `expired` is first read. */
class TimeLimit {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #expired: Promise<void> | undefined;

  constructor(readonly seconds: number) {}

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get expired(): Promise<void> {
    this.#expired ??= new Promise((resolve) => {
      this.#timer = setTimeout(resolve, this.seconds * 1000);
    });
    return this.#expired;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}
