/**
 * The GRPO trainer (Shao et al., 2402.03300) and its relatives. One step: draw problems, sample a group of completions
 * for each, reward the right answers, turn rewards into advantages within the group, and take optimiser steps on the
 * policy loss (see `LOSSES`) with a KL penalty to a reference, the model that training started from unless the policy
 * becomes it now and then. Dropout is off throughout.
 */
import { type Problem, ProblemStream } from '../math/generator.ts';
import { grade } from '../math/grader.ts';
import { RandomStream } from '../math/randomStream.ts';
import { prompt } from '../math/sample.ts';
import { Sampler } from '../model/sampler.ts';
import { scorePacked } from '../model/score.ts';
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
import {
  type BatchInputs,
  batchInputs,
  microBatches,
  miniBatches,
  type Trajectory,
  trajectoriesOf,
  type WeightedTrajectory,
  weighted,
} from './batches.ts';
import { sampleUnequal } from './dynamicSampling.ts';
import { adaptedKlCoef, KL_ESTIMATORS, tokenKl } from './kl.ts';
import { grpoLoss } from './loss.ts';
import { type GrpoMetrics, type SequenceRecord, summarise, type Update } from './metrics.ts';
import type { GrpoOptions } from './options.ts';
import { overlongPenalty } from './overlong.ts';
import type { Rollout } from './rollout.ts';

export type { GrpoMetrics } from './metrics.ts';
export type { Rollout } from './rollout.ts';

/** Streams of random numbers from the seed. */
const STREAMS = { problems: 2, miniBatches: 3 } as const;
/** Recordings that a trainer keeps. */
const MAX_RECORDINGS = 64;

/** What a micro-batch reports. */
type BatchValues = Pick<Update, 'records' | 'loss' | 'policyLoss'>;

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
  #klCoef: number;
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
    this.#klCoef = options.klCoef;
    this.#reference = options.klCoef > 0 ? policy.clone() : undefined;
    this.#optimizer = new AdamW(policy.parameters, { gradClip: options.gradClip });
    const { device } = policy;
    const recordings = { maxRecordings: MAX_RECORDINGS, ...captureOptions };
    this.#accumulate = capture(device, (inputs: BatchInputs) => this.#graph(inputs), recordings);
    this.#apply = capture(device, (rate: Scalar) => this.#optimizer.step(rate), recordings);
    this.#problems = new ProblemStream(options, { split: 'training', stream: STREAMS.problems });
  }

  /**
   * One step of the algorithm.
   * @throws MathformerError after ten optimiser steps in a row without a finite gradient.
   */
  async step(): Promise<GrpoMetrics> {
    const { options } = this;
    const started = performance.now();
    const [lr, klCoef] = [this.learningRate(this.#step), this.#klCoef];
    const rollout = await this.rollout();
    const trajectories = trajectoriesOf(rollout, options);
    const updates: Update[] = [];
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      for (const miniBatch of this.#miniBatches(trajectories, epoch)) {
        const learnt = weighted(miniBatch, options);
        if (learnt.length > 0) updates.push(await this.#update(learnt, lr));
      }
    }
    this.#step += 1;
    const seconds = (performance.now() - started) / 1000;
    const metrics = summarise({ rollout, updates, lr, klCoef, seconds, options });
    this.#moveReference(metrics, trajectories.length);
    return metrics;
  }

  /** The learning rate of step `step`, counted from 0. */
  learningRate(step: number): number {
    const { scheduler, lr, warmupRatio, steps: totalSteps } = this.options;
    return scheduler === 'none' ? lr : cosineWithWarmup(step, { totalSteps, warmupRatio, lr, minLr: 0 });
  }

  /** Samples and rewards what the next step learns from. */
  async rollout(): Promise<Rollout> {
    const { batchSize, groupSize, dynamicSampling } = this.options;
    return dynamicSampling
      ? sampleUnequal(batchSize, groupSize, (problems) => this.#sample(problems))
      : this.#sample(batchSize);
  }

  /** Frees the trainer's memory, not the policy. */
  dispose(): void {
    this.sampler.dispose();
    this.#accumulate[Symbol.dispose]();
    this.#apply[Symbol.dispose]();
    this.#optimizer.dispose();
    this.#reference?.dispose();
  }

  /** Samples and rewards a group of completions for each of the next `count` problems. */
  async #sample(count: number): Promise<Rollout> {
    const { groupSize, maxGenLen, temperature, topK, topP, minP, seed } = this.options;
    const { overlongBuffer: buffer, overlongPenalty: factor } = this.options;
    const firstSequenceId = this.#problems.cursor * groupSize;
    const problems = Array.from({ length: count }, () => this.#problems.next());
    const completions = await this.sampler.generate(
      problems.map(({ expression }) => prompt(expression)),
      { groupSize, maxNew: maxGenLen, temperature, topK, topP, minP, seed, firstSequenceId },
    );
    const rewards = completions.map(({ prompt: i, tokens }) => {
      const { reward } = grade(problems[i] as Problem, tokens);
      return reward + overlongPenalty(tokens.length, { maxLength: maxGenLen, buffer, factor });
    });
    return { problems, completions, rewards };
  }

  #miniBatches(trajectories: readonly Trajectory[], epoch: number): Trajectory[][] {
    const { seed, groupSize, epochs, miniBatches: count } = this.options;
    const item = this.#step * epochs + epoch;
    const random = new RandomStream({ seed, stream: STREAMS.miniBatches, item });
    return miniBatches(trajectories, { count, groupSize, random });
  }

  /** One optimiser step. */
  async #update(trajectories: readonly WeightedTrajectory[], lr: number): Promise<Update> {
    this.policy.parameters.zeroGrad();
    const pending: Promise<BatchValues>[] = [];
    for (const batch of microBatches(trajectories, this.options.microBatchTokens)) {
      const values = this.#backward(batch);
      values.catch(() => {}); // thrown below; until then it has a handler, whatever the next batch does
      pending.push(values);
    }
    this.#apply(lr);
    const [report, done] = await Promise.all([this.#optimizer.report(), Promise.all(pending)]);
    refuseDivergence(report, this.#step + 1, `lower --lr (now ${this.options.lr}) or raise --kl_coef`);
    return {
      records: done.flatMap(({ records }) => records),
      loss: done.reduce((total, { loss }) => total + loss, 0),
      policyLoss: done.reduce((total, { policyLoss }) => total + policyLoss, 0),
      gradNorm: report.gradNorm,
    };
  }

  /** Enqueues the forward and backward pass of a micro-batch; its values arrive when the GPU is done. */
  #backward(batch: readonly WeightedTrajectory[]): Promise<BatchValues> {
    using _ = this.policy.device.scope();
    const values = this.#accumulate(batchInputs(this.policy, batch, this.options));
    return this.#collect(batch, values.data());
  }

  /** A micro-batch on the GPU: adds to the gradients, and returns in one tensor what `#collect` reads. */
  #graph({ packed, excluded, ...inputs }: BatchInputs): Tensor {
    const { options } = this;
    const { temperature, klEstimator } = options;
    const scores = scorePacked(this.policy, packed, { temperature });
    const reference = this.#reference;
    const refScores = reference && noGrad(() => scorePacked(reference, packed, { temperature }));
    const [N, V] = scores.logits.shape as [number, number];
    const filters = { temperature, excluded: excluded && reshape(excluded, [N, V]) };
    const kl = refScores && tokenKl(klEstimator, scores, refScores, filters);
    const coefficients = { klCoef: () => this.#klCoef };
    const { total, policy } = grpoLoss({ ...inputs, ...scores, kl }, { ...options, ...coefficients });
    backward(total);
    const compared = klEstimator === 'exact' ? kl : refScores?.logp;
    return noGrad(() =>
      cat([scores.logp, scores.entropy, compared ?? scores.logp, reshape(total, [1]), reshape(policy, [1])]),
    );
  }

  async #collect(
    batch: readonly WeightedTrajectory[],
    pending: Promise<ArrayLike<number>>,
  ): Promise<BatchValues> {
    const values = await pending;
    const N = (values.length - 2) / 3;
    const { klEstimator } = this.options;
    let t = 0;
    const records = batch.map(({ completion, advantage }): SequenceRecord => {
      const tokens = Array.from(completion.logps, (oldLogp) => {
        const at = t++;
        const [logp = 0, entropy = 0, compared = 0] = [values[at], values[N + at], values[2 * N + at]];
        const kl = klEstimator === 'exact' ? compared : KL_ESTIMATORS[klEstimator].number(logp - compared);
        return { logp, oldLogp, kl, entropy };
      });
      return { advantage, tokens };
    });
    return { records, loss: values[3 * N] ?? 0, policyLoss: values[3 * N + 1] ?? 0 };
  }

  /** Changes the weight of the KL, and what it is measured from, where the options say so. */
  #moveReference({ kl = 0 }: GrpoMetrics, sequences: number): void {
    const { klTarget, refSyncSteps } = this.options;
    if (klTarget > 0) this.#klCoef = adaptedKlCoef(this.#klCoef, kl, sequences, this.options);
    if (refSyncSteps > 0 && this.#step % refSyncSteps === 0) {
      this.#reference?.parameters.copyFrom(this.policy.parameters);
    }
  }
}
