/** Asks rewards for their values, all at the same time; what goes wrong names reward, problem and completion. */

import { shownValue } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import type { TaskProblem } from '../tasks/task.ts';
import { deepCopy } from './deepCopy.ts';
import type { Reward, RewardedCompletion, RewardValue } from './reward.ts';

/** What went wrong with a reward. */
export type RewardErrorCode = 'REWARD_THREW' | 'REWARD_NOT_FINITE' | 'REWARD_TIMEOUT';

/** A reward that gave no number. */
export class RewardError extends MathformerError {
  declare readonly code: RewardErrorCode;
  readonly reward: string;
  readonly problem: TaskProblem;
  readonly completion: RewardedCompletion;
  /** What it gave, if it gave something. */
  readonly value: unknown;

  /** @param name the reward's. @param what it did. */
  constructor(
    code: RewardErrorCode,
    name: string,
    { problem, completion }: RewardCase,
    what: string,
    { cause, value }: { readonly cause?: unknown; readonly value?: unknown } = {},
  ) {
    const about = `for problem ${shownValue(problem.expression)} and completion ${shownValue(completion.text)}`;
    const fix =
      code === 'REWARD_TIMEOUT' ? 'make it faster, or raise --reward_timeout' : 'correct the reward';
    super(`the reward ${name} ${what} ${about}`, { code, where: `reward ${name}`, fix }, { cause });
    this.reward = name;
    this.problem = problem;
    this.completion = completion;
    this.value = value;
  }
}

/** A completion to reward. */
export interface RewardCase {
  readonly problem: TaskProblem;
  readonly completion: RewardedCompletion;
}

interface Question extends RewardCase {
  readonly reward: Reward;
}

/** Values of each completion, by the reward's name; null where it abstained. */
export type RewardValues = Readonly<Record<string, readonly RewardValue[]>>;

/**
 * The value of every reward for every completion, without weights.
 * @param seconds for how long values that come later are waited for.
 * @throws RewardError
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

/** Σ weight·value of each completion over the rewards that did not abstain; 0 if all did, as in TRL. */
export function rewardSums(rewards: readonly Reward[], values: RewardValues): number[] {
  const [first] = rewards;
  const count = first ? (values[first.name]?.length ?? 0) : 0;
  return Array.from({ length: count }, (_, i) =>
    rewards.reduce((sum, { name, weight = 1 }) => sum + weight * (values[name]?.[i] ?? 0), 0),
  );
}

/** @throws RewardError for the first sum of a completion's rewards that is no finite 32-bit float, as advantages are. */
export function checkSums(
  sums: readonly number[],
  rewards: readonly Reward[],
  cases: readonly RewardCase[],
): void {
  const at = sums.findIndex((sum) => !Number.isFinite(Math.fround(sum)));
  const found = cases[at];
  if (!found) return;
  const names = rewards.map(({ name }) => name).join(' + ');
  const value = sums[at];
  throw new RewardError(
    'REWARD_NOT_FINITE',
    names,
    found,
    `with its weight comes to ${value}, beyond 32-bit floats,`,
    { value },
  );
}

/** For each completion, whether all rewards abstained. */
export function allAbstained(values: RewardValues): boolean[] {
  const [first = [], ...others] = Object.values(values);
  return first.map((value, i) => value === null && others.every((each) => each[i] === null));
}

/** The error for rewards that gave nothing but null, for `first` and all other completions. */
export function nothingRewarded(rewards: readonly Reward[], first: RewardCase): RewardError {
  const names = rewards.map(({ name }) => name).join(', ');
  return new RewardError('REWARD_NOT_FINITE', names, first, 'gave null for every completion, such as', {
    value: null,
  });
}

/** Never throws: a promise that an earlier reward gave has to be waited for all the same. */
function answered(question: Question, limit: TimeLimit): RewardValue | Promise<RewardValue> {
  const { reward, problem, completion } = question;
  try {
    const value = reward.reward(deepCopy(problem), deepCopy(completion), { signal: limit.signal });
    return isThenable(value) ? settled(question, value, limit) : checked(question, value);
  } catch (cause) {
    return Promise.reject(cause instanceof RewardError ? cause : threw(question, cause));
  }
}

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
      throw new RewardError(
        'REWARD_TIMEOUT',
        question.reward.name,
        question,
        `took more than ${limit.seconds} s`,
      );
    }),
  ]);
  return checked(question, value);
}

function checked(question: Question, value: unknown): RewardValue {
  if (value === null || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw new RewardError(
    'REWARD_NOT_FINITE',
    question.reward.name,
    question,
    `gave ${shownValue(value)}, not a finite number,`,
    { value },
  );
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

/** A time that begins when somebody first waits for its end. */
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
