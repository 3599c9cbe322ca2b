/**
 * The GRPO trainer (Shao et al., 2402.03300). One step: draw problems, sample a group of completions for each, reward
 * the right answers, turn rewards into advantages within the group, and take one optimiser step on the clipped
 * surrogate with a KL penalty to the frozen model that training started from. Dropout is off throughout.
 */
import { type Problem, ProblemStream } from '../math/generator.ts';
import { grade } from '../math/grader.ts';
import { prompt } from '../math/sample.ts';
import { type Completion, Sampler } from '../model/sampler.ts';
import { type ScoredSequence, scoredCount, scoreTokens } from '../model/score.ts';
import type { Transformer } from '../model/transformer.ts';
import { AdamW, backward, cosineWithWarmup, noGrad, refuseDivergence, Tensor } from '../tensor/index.ts';
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

/** What a micro-batch reports. */
interface BatchValues {
  readonly records: TokenRecord[];
  readonly loss: number;
}

export class GrpoTrainer {
  readonly policy: Transformer;
  readonly options: GrpoOptions;
  readonly sampler: Sampler;
  readonly #reference: Transformer | undefined;
  readonly #optimizer: AdamW;
  readonly #problems: ProblemStream;
  #step = 0;

  constructor(policy: Transformer, options: GrpoOptions) {
    this.policy = policy;
    this.options = options;
    this.sampler = new Sampler(policy);
    this.#reference = options.klCoef > 0 ? policy.clone() : undefined;
    this.#optimizer = new AdamW(policy.parameters, { gradClip: options.gradClip });
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

  dispose(): void {
    this.sampler.dispose();
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
    this.#optimizer.step(lr);
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
    const { policy, options } = this;
    const { device } = policy;
    using _ = device.scope();
    const perToken = (value: (trajectory: Trajectory) => number): Tensor =>
      Tensor.from(
        device,
        Float32Array.from(batch.flatMap((each) => Array(scoredCount(each)).fill(value(each)))),
      );
    const { temperature } = options;
    const { logp, entropy } = scoreTokens(policy, batch, { temperature });
    const reference = this.#reference;
    const refLogp = reference && noGrad(() => scoreTokens(reference, batch, { temperature }).logp);
    const oldLogp = Tensor.from(
      device,
      Float32Array.from(batch.flatMap(({ completion }) => [...completion.logps])),
    );
    const inputs = {
      logp,
      oldLogp,
      refLogp,
      advantages: perToken(({ advantage }) => advantage),
      weights: perToken(({ weight }) => weight),
    };
    const loss = grpoLoss(inputs, options);
    backward(loss);
    return this.#collect(batch, [loss, logp, entropy, refLogp ?? logp]);
  }

  async #collect(batch: readonly Trajectory[], tensors: readonly Tensor[]): Promise<BatchValues> {
    const [loss, logp, entropy, refLogp] = await Promise.all(tensors.map((tensor) => tensor.data()));
    let t = 0;
    const records = batch.flatMap(({ completion, advantage, weight }) =>
      Array.from(completion.logps, (oldLogp) => {
        const at = t++;
        return {
          logp: logp?.[at] ?? 0,
          oldLogp,
          refLogp: refLogp?.[at] ?? 0,
          entropy: entropy?.[at] ?? 0,
          advantage,
          weight,
        };
      }),
    );
    return { records, loss: loss?.[0] ?? 0 };
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
