/** Where rollouts come from: problems of a task, a group of completions sampled for each, and their rewards. */
import { RandomStream } from '../base/randomStream.ts';
import type { Completion, CompletionSampler } from '../model/sampler.ts';
import { TaskStream } from '../tasks/stream.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import { Curriculum } from './curriculum.ts';
import { sampleUnequal } from './dynamicSampling.ts';
import type { GrpoOptions } from './options.ts';
import { overlongPenalty } from './overlong.ts';
import { checkRewards, type Reward } from './reward.ts';
import {
  allAbstained,
  checkSums,
  nothingRewarded,
  type RewardCase,
  rewardSums,
  rewardValues,
} from './rewardValues.ts';
import { type Rollout, sampled } from './rollout.ts';
import type { GrpoProgress } from './state.ts';

/** Streams of random numbers from the seed. */
const STREAMS = { problems: 2, levels: 4 } as const;

/** Samples on an endless stream of problems. */
export class RolloutSource {
  readonly #sampler: CompletionSampler;
  readonly #options: GrpoOptions;
  readonly #task: Task;
  readonly #rewards: readonly Reward[];
  readonly #problems: TaskStream;
  readonly #curriculum: Curriculum | undefined;
  /** Whether any completion had a reward so far. */
  #isRewarded = false;

  /** @throws MathformerError for rewards that cannot be added up. */
  constructor(sampler: CompletionSampler, options: GrpoOptions, task: Task, rewards: readonly Reward[]) {
    checkRewards(rewards);
    this.#sampler = sampler;
    this.#options = options;
    this.#task = task;
    this.#rewards = rewards;
    this.#problems = new TaskStream(task, { seed: options.seed, stream: STREAMS.problems });
    this.#curriculum = options.curriculum ? new Curriculum(task.levels) : undefined;
  }

  /** What the next step learns from. @throws RewardError */
  async next(): Promise<Rollout> {
    const { batchSize, groupSize, dynamicSampling, maxRefills } = this.#options;
    const rollout = dynamicSampling
      ? await sampleUnequal(batchSize, groupSize, (problems) => this.#sample(problems), maxRefills)
      : await this.#sample(batchSize);
    this.#checkRewarded(sampled(rollout));
    return rollout;
  }

  /** The names of the rewards. */
  get rewardNames(): string[] {
    return this.#rewards.map(({ name }) => name);
  }

  /** Of the curriculum, if there is one. */
  metrics(): Record<string, number> {
    return this.#curriculum?.metrics() ?? {};
  }

  /** All that later rollouts depend on, besides the policy. */
  progress(): Pick<GrpoProgress, 'problems' | 'curriculum'> {
    return { problems: this.#problems.cursor, curriculum: this.#curriculum?.state() ?? null };
  }

  /** Goes on from there. @throws MathformerError if that was another curriculum. */
  restore({ problems, curriculum }: Pick<GrpoProgress, 'problems' | 'curriculum'>): void {
    this.#curriculum?.restore(curriculum ?? {});
    this.#problems.cursor = problems;
    // Otherwise there would be no step to resume after.
    this.#isRewarded = problems > 0;
  }

  /** Samples and rewards a group of completions for each of the next `count` problems. */
  async #sample(count: number): Promise<Rollout> {
    const { groupSize, maxGenLen, temperature, topK, topP, minP, seed } = this.#options;
    const firstSequenceId = this.#problems.cursor * groupSize;
    const drawn = Array.from({ length: count }, () => this.#draw());
    const problems = drawn.map(({ problem }) => problem);
    const completions = await this.#sampler.generate(
      problems.map((problem) => this.#task.prompt(problem)),
      { groupSize, maxNew: maxGenLen, temperature, topK, topP, minP, seed, firstSequenceId },
    );
    const cases = completions.map((completion) => this.#graded(completion, problems));
    const parts = await rewardValues(this.#rewards, cases, this.#options.rewardTimeout);
    const sums = rewardSums(this.#rewards, parts);
    checkSums(sums, this.#rewards, cases);
    this.#record(drawn, cases);
    const outcomes =
      this.#options.dynamicSamplingMetric === 'reward'
        ? sums
        : cases.map(({ completion }) => (completion.outcome === 'correct' ? 1 : 0));
    const rewards = sums.map((sum, i) => sum + this.#penalty(completions[i]));
    return { problems, completions, rewards, parts, outcomes };
  }

  /**
   * Rewards may abstain from some completions, from all of a step too. Rewards that never gave a number are wrong.
   * @throws RewardError
   */
  #checkRewarded({ problems, completions, parts = {} }: Rollout): void {
    this.#isRewarded ||= allAbstained(parts).some((abstained) => !abstained);
    const [first] = completions;
    if (this.#isRewarded || !first) return;
    throw nothingRewarded(this.#rewards, this.#graded(first, problems));
  }

  #draw(): { readonly problem: TaskProblem; readonly level: number } {
    const random = { seed: this.#options.seed, stream: STREAMS.levels, item: this.#problems.cursor };
    const level = this.#curriculum?.choose(new RandomStream(random)) ?? this.#task.levels.length - 1;
    return { problem: this.#problems.next(level), level };
  }

  #graded({ prompt, tokens, finished }: Completion, problems: readonly TaskProblem[]): RewardCase {
    const problem = problems[prompt] as TaskProblem;
    const { outcome, answer } = this.#task.grade(problem, tokens);
    const text = this.#task.tokenizer.decode(tokens);
    const maxLength = this.#options.maxGenLen;
    return { problem, completion: { tokens, text, finished, outcome, answer, maxLength } };
  }

  #penalty(completion: Completion | undefined): number {
    const { maxGenLen: maxLength, overlongBuffer: buffer, overlongPenalty: factor } = this.#options;
    return overlongPenalty(completion?.tokens.length ?? 0, { maxLength, buffer, factor });
  }

  /** Tells the curriculum which answers were right. */
  #record(drawn: readonly { readonly level: number }[], cases: readonly RewardCase[]): void {
    const { groupSize } = this.#options;
    const right = cases.map(({ completion }) => completion.outcome === 'correct');
    for (const [i, { level }] of drawn.entries()) {
      this.#curriculum?.record(level, right.slice(i * groupSize, (i + 1) * groupSize));
    }
  }
}
