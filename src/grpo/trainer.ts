/**
 * The GRPO trainer (Shao et al., 2402.03300). One step: draw problems, sample a group of completions for each, reward
 * the right answers, turn rewards into advantages within the group, and take one optimiser step on the clipped
 * surrogate with a KL penalty to the frozen model that training started from. Dropout is off throughout.
 */
import { type Problem, ProblemStream } from '../math/generator.ts';
import { grade } from '../math/grader.ts';
import { prompt } from '../math/sample.ts';
import { type Completion, Sampler } from '../model/sampler.ts';
import { type Packed, packSequences, type ScoredSequence, scoredCount, scorePacked } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import {
  AdamW,
  backward,
  type Captured,
  type CaptureOptions,
  capture,
  cat,
  cosineWithWarmup,
  noGrad,
  refuseDivergence,
  reshape,
  type Scalar,
  type Tensor,
} from '../tensor/index.ts';
import { advantages } from './advantages.ts';
import { grpoLoss } from './loss.ts';
import { type GrpoMetrics, type Rollout, summarise, type TokenRecord } from './metrics.ts';
import type { GrpoOptions } from './options.ts';

export type { GrpoMetrics, Rollout } from './metrics.ts';

/** A completion as the loss sees it. */
interface Trajectory extends ScoredSequence {
  readonly completion: Completion;
  readonly advantage: number;
  /** Weight of each of its tokens in the loss. */
  readonly weight: number;
}

/** What a captured micro-batch takes: one value for each scored token, 0 for padding. */
interface BatchInputs {
  readonly packed: Packed<Tensor>;
  readonly oldLogp: Tensor;
  readonly advantages: Tensor;
  readonly weights: Tensor;
}

/** Recordings that a trainer keeps. */
const MAX_RECORDINGS = 64;

/** What a micro-batch reports. */
interface BatchValues {
  readonly records: TokenRecord[];
  readonly loss: number;
}

/** Improves a policy by reinforcement learning on an endless stream of problems. */
export class GrpoTrainer {
  readonly policy: Transformer;
  readonly options: GrpoOptions;
  readonly sampler: Sampler;
  readonly #reference: Transformer | undefined;
  readonly #optimizer: AdamW;
  readonly #accumulate: Captured<[BatchInputs], Tensor>;
  readonly #apply: Captured<[Scalar], void>;
  readonly #problems: ProblemStream;
  #step = 0;

  /** `capture: { replay: false }` runs every step anew. */
  constructor(
    policy: Transformer,
    options: GrpoOptions,
    { capture: captureOptions = {} }: { readonly capture?: CaptureOptions } = {},
  ) {
    this.policy = policy;
    this.options = options;
    this.sampler = new Sampler(policy);
    this.#reference = options.klCoef > 0 ? policy.clone() : undefined;
    this.#optimizer = new AdamW(policy.parameters, { gradClip: options.gradClip });
    const { device } = policy;
    const recordings = { maxRecordings: MAX_RECORDINGS, ...captureOptions };
    this.#accumulate = capture(device, (inputs: BatchInputs) => this.#graph(inputs), recordings);
    this.#apply = capture(device, (rate: Scalar) => this.#optimizer.step(rate), recordings);
    this.#problems = new ProblemStream(options, { split: 'training', stream: 2 });
  }

  /**
   * One step of the algorithm.
   * @throws MathformerError after ten steps in a row without a finite gradient.
   */
  async step(): Promise<GrpoMetrics> {
    const started = performance.now();
    const lr = this.learningRate(this.#step);
    const rollout = await this.rollout();
    const { records, loss, gradNorm } = await this.#update(rollout, lr);
    this.#step += 1;
    const { groupSize } = this.options;
    const seconds = (performance.now() - started) / 1000;
    return summarise({ rollout, records, groupSize, loss, gradNorm, lr, seconds, options: this.options });
  }

  /** The learning rate of step `step`, counted from 0. */
  learningRate(step: number): number {
    const { scheduler, lr, warmupRatio, steps: totalSteps } = this.options;
    return scheduler === 'none' ? lr : cosineWithWarmup(step, { totalSteps, warmupRatio, lr, minLr: 0 });
  }

  /** Samples and grades a group of completions for each of the next problems. */
  async rollout(): Promise<Rollout> {
    const { batchSize, groupSize, maxGenLen: maxNew, temperature, topK, topP, seed } = this.options;
    const problems = Array.from({ length: batchSize }, () => this.#problems.next());
    const prompts = problems.map(({ expression }) => prompt(expression));
    const firstSequenceId = this.#step * batchSize * groupSize;
    const sampling = { groupSize, maxNew, temperature, topK, topP, seed: seed >>> 0, firstSequenceId };
    const completions = await this.sampler.generate(prompts, sampling);
    const rewards = completions.map(({ prompt: i, tokens }) => grade(problems[i] as Problem, tokens).reward);
    return { problems, completions, rewards };
  }

  /** Frees the trainer's memory, not the policy. */
  dispose(): void {
    this.sampler.dispose();
    this.#accumulate[Symbol.dispose]();
    this.#apply[Symbol.dispose]();
    this.#optimizer.dispose();
    this.#reference?.dispose();
  }

  async #update(
    rollout: Rollout,
    lr: number,
  ): Promise<{ records: TokenRecord[]; loss: number; gradNorm: number }> {
    const { parameters } = this.policy;
    const trajectories = this.#trajectories(rollout);
    parameters.zeroGrad();
    const pending: Promise<BatchValues>[] = [];
    for (const batch of microBatches(trajectories, this.options.microBatchTokens)) {
      const values = this.#backward(batch);
      values.catch(() => {}); // thrown below; until then it has a handler, whatever the next batch does
      pending.push(values);
    }
    this.#apply(lr);
    const [report, done] = await Promise.all([this.#optimizer.report(), Promise.all(pending)]);
    refuseDivergence(report, this.#step + 1, `lower --lr (now ${this.options.lr}) or raise --kl_coef`);
    const { gradNorm } = report;
    const loss = done.reduce((total, batch) => total + batch.loss, 0);
    return { records: done.flatMap((batch) => batch.records), loss, gradNorm };
  }

  #trajectories({ problems, completions, rewards }: Rollout): Trajectory[] {
    const advantage = advantages(rewards, this.options.groupSize);
    return completions.map((completion, i) => {
      const start = prompt((problems[completion.prompt] as Problem).expression);
      return {
        completion,
        tokens: [...start, ...completion.tokens],
        from: start.length,
        kept: completion.kept,
        advantage: advantage[i] ?? 0,
        weight: 1 / (completions.length * completion.tokens.length),
      };
    });
  }

  /** Enqueues the forward and backward pass of a micro-batch; its values arrive when the GPU is done. */
  #backward(batch: readonly Trajectory[]): Promise<BatchValues> {
    const { policy } = this;
    const { arrays: packed } = packSequences(policy, batch, { padded: true });
    const perToken = (values: (trajectory: Trajectory) => ArrayLike<number>): Float32Array<ArrayBuffer> => {
      const array = new Float32Array(packed.targets.length);
      let at = 0;
      for (const trajectory of batch) {
        array.set(values(trajectory), at);
        at += scoredCount(trajectory);
      }
      return array;
    };
    const repeat = (value: number, trajectory: Trajectory) =>
      new Float32Array(scoredCount(trajectory)).fill(value);
    using _ = policy.device.scope();
    const values = this.#accumulate({
      packed,
      oldLogp: perToken(({ completion }) => completion.logps),
      advantages: perToken((trajectory) => repeat(trajectory.advantage, trajectory)),
      weights: perToken((trajectory) => repeat(trajectory.weight, trajectory)),
    });
    return this.#collect(batch, values.data());
  }

  /** A micro-batch on the GPU: adds to the gradients; returns logp, entropy and refLogp (N each), then the loss. */
  #graph({ packed, ...inputs }: BatchInputs): Tensor {
    const { policy, options } = this;
    const { temperature } = options;
    const { logp, entropy } = scorePacked(policy, packed, { temperature });
    const reference = this.#reference;
    const refLogp = reference && noGrad(() => scorePacked(reference, packed, { temperature }).logp);
    const loss = grpoLoss({ ...inputs, logp, refLogp }, options);
    backward(loss);
    return noGrad(() => cat([logp, entropy, refLogp ?? logp, reshape(loss, [1])])); // one read
  }

  async #collect(batch: readonly Trajectory[], pending: Promise<ArrayLike<number>>): Promise<BatchValues> {
    const values = await pending;
    const N = (values.length - 1) / 3;
    let t = 0;
    const records = batch.flatMap(({ completion, advantage, weight }) =>
      Array.from(completion.logps, (oldLogp) => {
        const at = t++;
        const [logp = 0, entropy = 0, refLogp = 0] = [values[at], values[N + at], values[2 * N + at]];
        return { logp, oldLogp, refLogp, entropy, advantage, weight };
      }),
    );
    return { records, loss: values[3 * N] ?? 0 };
  }
}

/** Trajectories sorted by length, in batches of at most `tokens` tokens (or one trajectory). */
function microBatches(trajectories: readonly Trajectory[], tokens: number): Trajectory[][] {
  const batches: Trajectory[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const trajectory of [...trajectories].sort((a, b) => a.tokens.length - b.tokens.length)) {
    if (filled + trajectory.tokens.length > tokens) {
      batches.push([]);
      filled = 0;
    }
    batches.at(-1)?.push(trajectory);
    filled += trajectory.tokens.length;
  }
  return batches;
}
