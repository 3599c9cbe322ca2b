/** The source of rollouts: draw problems of a task, sample a group of completions for each, and reward them. */
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

/** Streams of random numbers, derived from the seed. */
const STREAMS = { problems: 2, levels: 4 } as const;

/** The state on which later rollouts depend, besides the policy. */
export type SourceProgress = Pick<GrpoProgress, 'problems' | 'curriculum'>;

/** Sample and reward completions on an endless stream of problems. */
export class RolloutSource {
  readonly #problems: TaskStream;
  readonly #curriculum: Curriculum | undefined;
  /** True once a completion had a reward. */
  #isRewarded = false;

  /** @throws MathformerError if the rewards are invalid. */
  constructor(
    private readonly sampler: CompletionSampler,
    private readonly options: GrpoOptions,
    private readonly task: Task,
    private readonly rewards: readonly Reward[],
  ) {
    checkRewards(rewards);
    this.#problems = new TaskStream(task, { seed: options.seed, stream: STREAMS.problems });
    this.#curriculum = options.curriculum ? new Curriculum(task.levels) : undefined;
  }

  /** Return the rollout of the next step. @throws RewardError if a reward fails. */
  async next(): Promise<Rollout> {
    const { batchSize, groupSize, dynamicSampling, maxRefills } = this.options;
    const rollout = dynamicSampling
      ? await sampleUnequal(batchSize, groupSize, (problems) => this.#sample(problems), maxRefills)
      : await this.#sample(batchSize);
    this.#checkRewarded(sampled(rollout));
    return rollout;
  }

  get rewardNames(): string[] {
    return this.rewards.map(({ name }) => name);
  }

  /** Return the metrics of the curriculum, if there is one. */
  metrics(): Record<string, number> {
    return this.#curriculum?.metrics() ?? {};
  }

  /** Return the state on which later rollouts depend, besides the policy. */
  progress(): SourceProgress {
    return { problems: this.#problems.cursor, curriculum: this.#curriculum?.state() ?? null };
  }

  /** Resume from the state of `progress`. @throws MathformerError if its curriculum has different levels. */
  restore({ problems, curriculum }: SourceProgress): void {
    this.#curriculum?.restore(curriculum ?? {});
    this.#problems.cursor = problems;
    // A saved step implies a reward: without one, the first step throws.
    this.#isRewarded = problems > 0;
  }

  /** Sample and reward a group of completions for each of the next `count` problems. */
  async #sample(count: number): Promise<Rollout> {
    const { groupSize, maxNewTokens, temperature, topK, topP, minP, seed } = this.options;
    const firstSequenceId = this.#problems.cursor * groupSize;
    const drawn = Array.from({ length: count }, () => this.#draw());
    const problems = drawn.map(({ problem }) => problem);
    const completions = await this.sampler.generate(
      problems.map((problem) => this.task.prompt(problem)),
      { groupSize, maxNewTokens, temperature, topK, topP, minP, seed, firstSequenceId },
    );
    const cases = completions.map((completion) => this.#graded(completion, problems));
    const parts = await rewardValues(this.rewards, cases, this.options.rewardTimeout);
    const sums = rewardSums(this.rewards, parts);
    checkSums(sums, this.rewards, cases);
    this.#record(drawn, cases);
    const outcomes =
      this.options.dynamicSamplingMetric === 'reward'
        ? sums
        : cases.map(({ completion }) => (completion.outcome === 'correct' ? 1 : 0));
    const rewards = sums.map((sum, i) => sum + this.#penalty(completions[i]));
    return { problems, completions, rewards, parts, outcomes };
  }

  /**
   * Check that a completion had a reward, now or earlier. Rewards may abstain from all completions of a step, but rewards
   * that never return a number are a mistake.
   * @throws RewardError if no completion ever had a reward.
   */
  #checkRewarded({ problems, completions, parts = {} }: Rollout): void {
    this.#isRewarded ||= allAbstained(parts).some((abstained) => !abstained);
    const [first] = completions;
    if (this.#isRewarded || !first) return;
    throw nothingRewarded(this.rewards, this.#graded(first, problems));
  }

  /** Draw a problem: of a level that the curriculum chooses, or of the highest level without one. */
  #draw(): { readonly problem: TaskProblem; readonly level: number } {
    const random = { seed: this.options.seed, stream: STREAMS.levels, item: this.#problems.cursor };
    const level = this.#curriculum?.choose(new RandomStream(random)) ?? this.task.levels.length - 1;
    return { problem: this.#problems.next(level), level };
  }

  #graded({ prompt, tokens, finished }: Completion, problems: readonly TaskProblem[]): RewardCase {
    const problem = problems[prompt] as TaskProblem;
    const { outcome, answer } = this.task.grade(problem, tokens);
    const text = this.task.tokenizer.decode(tokens);
    const maxLength = this.options.maxNewTokens;
    return { problem, completion: { tokens, text, finished, outcome, answer, maxLength } };
  }

  #penalty(completion: Completion | undefined): number {
    const { maxNewTokens: maxLength, overlongBuffer: buffer, overlongPenalty: factor } = this.options;
    return overlongPenalty(completion?.tokens.length ?? 0, { maxLength, buffer, factor });
  }

  /** Record in the curriculum which answers were right. */
  #record(drawn: readonly { readonly level: number }[], cases: readonly RewardCase[]): void {
    const { groupSize } = this.options;
    const right = cases.map(({ completion }) => completion.outcome === 'correct');
    for (const [i, { level }] of drawn.entries()) {
      this.#curriculum?.record(level, right.slice(i * groupSize, (i + 1) * groupSize));
    }
  }
}
