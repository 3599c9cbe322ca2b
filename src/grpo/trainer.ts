/**
 * The GRPO trainer (Shao et al., 2402.03300) and its relatives. One step: draw problems, sample a group of completions
 * for each, reward them, turn rewards into advantages within the group, and take optimiser steps on the policy loss (see `LOSSES`) with a KL penalty to a reference, the model that training started from unless the policy
 * becomes it now and then. Dropout is off throughout.
 */
import { expectNames } from '../base/arguments.ts';
import { checkSeed } from '../base/options.ts';
import { RandomStream } from '../base/randomStream.ts';
import { mostTokens } from '../model/microBatches.ts';
import { type CompletionSampler, Sampler } from '../model/sampler.ts';
import { scorePacked } from '../model/score.ts';
import {
  badState,
  checkedProgress,
  optimizerTensors,
  optimizerValues,
  type TrainingState,
} from '../model/trainingState.ts';
import type { Transformer } from '../model/transformer.ts';
import { arithmetic } from '../tasks/arithmetic/task.ts';
import { checkedTask } from '../tasks/checked.ts';
import { checkVocabulary, type Task } from '../tasks/task.ts';
import {
  AdamW,
  backward,
  type Captured,
  type CaptureOptions,
  capture,
  cat,
  cosineWithWarmup,
  MAX_SKIPPED,
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
import { grpoLoss } from './grpoLoss.ts';
import { adaptedKlCoef, KL_ESTIMATORS, tokenKl } from './kl.ts';
import { type GrpoMetrics, type SequenceRecord, summarise, type Update, unmeasured } from './metrics.ts';
import { checkTogether, checkTopK, type GrpoOptions } from './options.ts';
import { builtInReward, type Reward } from './reward.ts';
import { RewardError } from './rewardValues.ts';
import type { Rollout } from './rollout.ts';
import { RolloutSource } from './rolloutSource.ts';
import { type SampleRow, sampleRows } from './samples.ts';
import { type GrpoState, grpoProgressSchema } from './state.ts';

export type { GrpoMetrics } from './metrics.ts';
export type { Rollout } from './rollout.ts';

/** The stream of random numbers that mini-batches are drawn from. */
const MINI_BATCHES = 3;
/** Recordings that a trainer keeps. */
const MAX_RECORDINGS = 64;

/** What a micro-batch reports. */
type BatchValues = Pick<Update, 'records' | 'loss' | 'policyLoss'>;

/** What else a GRPO trainer can be given. */
export interface GrpoTrainerParts {
  /** What is learnt: arithmetic by the options unless given. */
  readonly task?: Task;
  /** What is rewarded: `correctness` alone unless given. */
  readonly rewards?: readonly Reward[];
  /** Samples from the policy, and is not disposed of with the trainer: a `Sampler` of its own unless given. */
  readonly sampler?: CompletionSampler;
  /** `{ replay: false }` runs every step anew. */
  readonly capture?: CaptureOptions;
}

/** Improves a policy by reinforcement learning on an endless stream of problems. */
export class GrpoTrainer {
  readonly policy: Transformer;
  readonly options: GrpoOptions;
  readonly task: Task;
  /** Samples from the policy. */
  readonly sampler: CompletionSampler;
  readonly #ownsSampler: boolean;
  readonly #source: RolloutSource;
  readonly #reference: Transformer | undefined;
  readonly #optimizer: AdamW;
  readonly #accumulate: Captured<[BatchInputs], Tensor>;
  readonly #apply: Captured<[Scalar], void>;
  #klCoef: number;
  #step = 0;
  /** Steps left out because a reward was not finite. */
  #unrewarded = { steps: 0, inARow: 0 };
  #latest: { readonly rollout: Rollout; readonly advantages: readonly number[] } | undefined;

  /** @throws MathformerError if the policy's vocabulary is not the task's, or for rewards that cannot be added up. */
  constructor(policy: Transformer, options: GrpoOptions, parts: GrpoTrainerParts = {}) {
    expectNames('GrpoTrainer', parts, ['task', 'rewards', 'sampler', 'capture']);
    const { capture: captureOptions = {} } = parts;
    const task = checkedTask(parts.task ?? arithmetic(options));
    const { rewards = [builtInReward('correctness', task)] } = parts;
    checkVocabulary(task, policy.config);
    checkTopK(options.topK, policy.config.vocabSize);
    checkSeed(options.seed);
    checkTogether(options);
    this.policy = policy;
    this.options = options;
    this.task = task;
    this.sampler = parts.sampler ?? new Sampler(policy, { eos: task.tokenizer.eos });
    this.#ownsSampler = !parts.sampler;
    this.#source = new RolloutSource(this.sampler, options, task, rewards);
    this.#klCoef = options.klCoef;
    this.#reference = options.klCoef > 0 ? policy.clone() : undefined;
    this.#optimizer = new AdamW(policy.parameters, { gradClip: options.gradClip });
    const { device } = policy;
    const recordings = { maxRecordings: MAX_RECORDINGS, ...captureOptions };
    this.#accumulate = capture(device, (inputs: BatchInputs) => this.#graph(inputs), recordings);
    this.#apply = capture(device, (rate: Scalar) => this.#optimizer.step(rate), recordings);
  }

  /**
   * One step of the algorithm. A reward or a gradient that is not finite leaves the policy as it is.
   * @throws MathformerError after ten such steps in a row, or a RewardError.
   */
  async step(): Promise<GrpoMetrics> {
    const { options, task } = this;
    const started = performance.now();
    const [lr, klCoef] = [this.learningRate(this.#step), this.#klCoef];
    const rollout = await this.#rewarded();
    const updates = rollout ? await this.#learn(rollout, lr) : [];
    this.#step += 1;
    const { skipped } = updates.at(-1) ?? (await this.#optimizer.report());
    const seconds = (performance.now() - started) / 1000;
    const step = { task, lr, klCoef, seconds, skipped: skipped + this.#unrewarded.steps, options };
    const { rewardNames } = this.#source;
    const metrics = rollout ? summarise({ ...step, rollout, updates }) : unmeasured(step, rewardNames);
    this.#moveReference(metrics, rollout?.completions.length ?? 0);
    return { ...metrics, ...this.#source.metrics() };
  }

  /** The learning rate of step `step`, counted from 0. */
  learningRate(step: number): number {
    const { scheduler, lr, warmupRatio, steps: totalSteps } = this.options;
    return scheduler === 'none' ? lr : cosineWithWarmup(step, { totalSteps, warmupRatio, lr, minLr: 0 });
  }

  /** Samples and rewards what the next step learns from. */
  async rollout(): Promise<Rollout> {
    return this.#source.next();
  }

  /** Some of the completions that the latest step learnt from; none before the first. */
  samples(): SampleRow[] {
    if (!this.#latest) return [];
    const { rollout, advantages } = this.#latest;
    return sampleRows(rollout, advantages, { task: this.task, groupSize: this.options.groupSize });
  }

  /** What a trainer needs, besides the policy's weights, to go on as this one would, to the bit. */
  async state(): Promise<GrpoState> {
    const optimizer = await this.#optimizer.stateDict();
    const own = { step: this.#step, klCoef: this.#klCoef, unrewarded: this.#unrewarded };
    return {
      progress: { ...own, optimizerSteps: optimizer.steps, ...this.#source.progress() },
      optimizer: optimizerTensors(optimizer),
      reference: (await this.#reference?.stateDict()) ?? null,
    };
  }

  /**
   * Goes on from a state of a trainer with the same options, task and rewards; the policy must have its weights.
   * @throws MathformerError for what is no such state.
   */
  restore({ progress, optimizer, reference }: TrainingState): void {
    const {
      step,
      optimizerSteps: steps,
      klCoef,
      unrewarded,
      ...source
    } = checkedProgress(grpoProgressSchema, progress);
    this.#optimizer.loadStateDict({ steps, values: optimizerValues(optimizer) });
    if (this.#reference) {
      if (!reference) throw badState('there is no reference');
      this.#reference.load(reference);
    }
    this.#source.restore(source);
    this.#step = step;
    this.#klCoef = klCoef;
    this.#unrewarded = unrewarded;
  }

  /** Frees the trainer's memory, not the policy. */
  dispose(): void {
    if (this.#ownsSampler) this.sampler.dispose();
    this.#accumulate[Symbol.dispose]();
    this.#apply[Symbol.dispose]();
    this.#optimizer.dispose();
    this.#reference?.dispose();
  }

  /** What to learn from; undefined if a reward was not finite. */
  async #rewarded(): Promise<Rollout | undefined> {
    try {
      const rollout = await this.rollout();
      this.#unrewarded = { ...this.#unrewarded, inARow: 0 };
      return rollout;
    } catch (error) {
      // NaN and infinities can come of a computation; nothing else that is no number can.
      if (!(error instanceof RewardError) || typeof error.value !== 'number') throw error;
      const { steps, inARow } = this.#unrewarded;
      if (inARow + 1 >= MAX_SKIPPED) throw error;
      this.#unrewarded = { steps: steps + 1, inARow: inARow + 1 };
      return undefined;
    }
  }

  /** The optimiser steps on a rollout. */
  async #learn(rollout: Rollout, lr: number): Promise<Update[]> {
    const { options } = this;
    const trajectories = trajectoriesOf(rollout, options, this.task);
    this.#latest = { rollout, advantages: trajectories.map(({ advantage }) => advantage) };
    const updates: Update[] = [];
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      for (const miniBatch of this.#miniBatches(trajectories, epoch)) {
        const learnt = weighted(miniBatch, options);
        if (learnt.length > 0) updates.push(await this.#update(learnt, lr));
      }
    }
    return updates;
  }

  #miniBatches(trajectories: readonly Trajectory[], epoch: number): Trajectory[][] {
    const { seed, groupSize, epochs, miniBatches: count } = this.options;
    const item = this.#step * epochs + epoch;
    const random = new RandomStream({ seed, stream: MINI_BATCHES, item });
    return miniBatches(trajectories, { count, groupSize, random });
  }

  /** One optimiser step. */
  async #update(trajectories: readonly WeightedTrajectory[], lr: number): Promise<Update> {
    this.policy.parameters.zeroGrad();
    const pending: Promise<BatchValues>[] = [];
    const tokens = Math.min(this.options.microBatchTokens, mostTokens(this.policy));
    for (const batch of microBatches(trajectories, tokens)) {
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
      skipped: report.skipped,
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
    const { oldLogp } = inputs;
    const klOptions = { temperature, oldLogp, excluded: excluded && reshape(excluded, [N, V]) };
    const kl = refScores && tokenKl(klEstimator, scores, refScores, klOptions);
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
    const hasReference = this.#reference !== undefined;
    let t = 0;
    const records = batch.flatMap(({ completion, advantage, copies }) => {
      const tokens = Array.from(completion.logps, (oldLogp) => {
        const at = t++;
        const [logp = 0, entropy = 0, compared = 0] = [values[at], values[N + at], values[2 * N + at]];
        const estimate = (): number =>
          klEstimator === 'exact'
            ? compared
            : KL_ESTIMATORS[klEstimator].number(logp - compared, logp - oldLogp);
        const kl = hasReference ? estimate() : Number.NaN;
        return { logp, oldLogp, kl, entropy };
      });
      return new Array<SequenceRecord>(copies).fill({ advantage, tokens });
    });
    return { records, loss: values[3 * N] ?? 0, policyLoss: values[3 * N + 1] ?? 0 };
  }

  /** Changes the weight of the KL, and what it is measured from, where the options say so. */
  #moveReference({ kl = Number.NaN }: GrpoMetrics, sequences: number): void {
    const { klTarget, refSyncSteps } = this.options;
    if (klTarget > 0 && Number.isFinite(kl))
      this.#klCoef = adaptedKlCoef(this.#klCoef, kl, sequences, this.options);
    if (refSyncSteps > 0 && this.#step % refSyncSteps === 0) {
      this.#reference?.parameters.copyFrom(this.policy.parameters);
    }
  }
}
