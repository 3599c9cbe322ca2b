/**
 * The GRPO trainer (Shao et al., 2402.03300) and its relatives. One step:
 *   1. draw problems, and sample a group of completions for each;
 *   2. reward the completions, and turn rewards into advantages within each group;
 *   3. take optimiser steps on the policy loss (see `LOSSES`) plus a KL penalty.
 * With `staleness`, an earlier policy samples (staleRollouts.ts), and the loss corrects for it (correction.ts).
 * The KL is measured from a reference: the initial policy, or with `refSyncSteps` a more recent one. Dropout is off.
 */
import { expectNames } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { checkSeed } from '../base/options.ts';
import { RandomStream } from '../base/randomStream.ts';
import { mostTokens } from '../model/microBatches.ts';
import { type CompletionSampler, Sampler } from '../model/sampler.ts';
import {
  badState,
  checkedProgress,
  optimizerTensors,
  optimizerValues,
  type TrainingState,
} from '../model/trainingState.ts';
import type { Transformer } from '../model/transformer.ts';
import { refuseTaskOptions } from '../tasks/builtIn.ts';
import { checkedTask } from '../tasks/checked.ts';
import { checkVocabulary, type Task } from '../tasks/task.ts';
import {
  AdamW,
  type Captured,
  type CaptureOptions,
  capture,
  cosineWithWarmup,
  MAX_SKIPPED,
  refuseDivergence,
  type Scalar,
} from '../tensor/index.ts';
import {
  microBatches,
  miniBatches,
  type Trajectory,
  trajectoriesOf,
  type WeightedTrajectory,
  weighted,
} from './batches.ts';
import { Rescorer } from './correction.ts';
import { type BatchValues, GradientAccumulator } from './gradientAccumulator.ts';
import { adaptedKlCoef } from './kl.ts';
import { type GrpoMetrics, summarise, type Update, unmeasured } from './metrics.ts';
import { checkTogether, checkTopK, type GrpoOptions } from './options.ts';
import { builtInReward, type Reward } from './reward.ts';
import { RewardError } from './rewardValues.ts';
import type { Rollout } from './rollout.ts';
import { RolloutSource } from './rolloutSource.ts';
import { type SampleRow, sampleRows } from './samples.ts';
import { otherStaleness, StaleRollouts } from './staleRollouts.ts';
import { type GrpoState, grpoProgressSchema } from './state.ts';
import { type StepTrace, traceOf } from './trace.ts';

export type { GrpoMetrics } from './metrics.ts';
export type { Rollout } from './rollout.ts';

/** The stream of random numbers that shuffles groups into mini-batches. */
const MINI_BATCHES = 3;
/** Maximum number of recordings that a trainer keeps. */
const MAX_RECORDINGS = 64;

/** Optional parts of a GRPO trainer. */
export interface GrpoTrainerParts {
  /** The task to learn. */
  readonly task: Task;
  /** The rewards to add up. Default: `correctness`. */
  readonly rewards?: readonly Reward[];
  /** Samples from the policy. The caller disposes of it. Default: a `Sampler` that the trainer disposes of. */
  readonly sampler?: CompletionSampler;
  /**
   * Make a sampler of a model's completions, for `staleness`: an earlier version of the policy samples. The trainer disposes of
   * what it returns. Required with `staleness` if `sampler` is given. Default: a `Sampler`.
   */
  readonly samplerOf?: (model: Transformer) => CompletionSampler;
  /** Options of recordings. `{ replay: false }` computes every step without them. */
  readonly capture?: CaptureOptions;
}

/** Improve a policy by reinforcement learning on an endless stream of problems. */
export class GrpoTrainer {
  readonly policy: Transformer;
  readonly options: GrpoOptions;
  readonly task: Task;
  readonly sampler: CompletionSampler;
  readonly #ownsSampler: boolean;
  readonly #rollouts: RolloutSource | StaleRollouts;
  readonly #reference: Transformer | undefined;
  readonly #optimizer: AdamW;
  readonly #rescorer: Rescorer;
  readonly #gradients: GradientAccumulator;
  readonly #apply: Captured<[Scalar], void>;
  #klCoef: number;
  #step = 0;
  /** Steps skipped because a reward was not finite: all of them, and the latest in a row. */
  #unrewarded = { steps: 0, inARow: 0 };
  #latest: { readonly rollout: Rollout; readonly advantages: readonly number[] } | undefined;
  /** The optimiser steps of the latest step; undefined if it learnt nothing, as a reward was not finite. */
  #updates: readonly Update[] | undefined;

  /** @throws MathformerError if the policy's vocabulary is not the task's, or if the rewards are invalid. */
  constructor(policy: Transformer, options: GrpoOptions, parts: GrpoTrainerParts) {
    expectNames('GrpoTrainer', parts, ['task', 'rewards', 'sampler', 'samplerOf', 'capture']);
    refuseTaskOptions(options);
    const { capture: captureOptions = {} } = parts;
    const task = checkedTask(parts.task);
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
    const sourceOf = (sampler: CompletionSampler) => new RolloutSource(sampler, options, task, rewards);
    this.#rollouts =
      options.staleness > 0
        ? new StaleRollouts(policy, { options, sourceOf, samplerOf: samplerOf(parts) })
        : sourceOf(this.sampler);
    this.#klCoef = options.klCoef;
    this.#reference = options.klCoef > 0 ? policy.clone() : undefined;
    this.#optimizer = new AdamW(policy.parameters, { gradClip: options.gradClip });
    const { device } = policy;
    const recordings = { maxRecordings: MAX_RECORDINGS, ...captureOptions };
    this.#rescorer = new Rescorer(policy, options, recordings);
    const models = { policy, reference: this.#reference };
    this.#gradients = new GradientAccumulator(models, options, { klCoef: () => this.#klCoef, recordings });
    this.#apply = capture(device, (rate: Scalar) => this.#optimizer.step(rate), recordings);
  }

  /**
   * Take one step of the algorithm. A reward or a gradient that is not finite leaves the policy unchanged.
   * @throws MathformerError after ten such steps in a row; RewardError if a reward fails.
   */
  async step(): Promise<GrpoMetrics> {
    const { options, task } = this;
    const started = performance.now();
    const [lr, klCoef] = [this.learningRate(this.#step), this.#klCoef];
    this.#updates = undefined;
    const rollout = await this.#rewarded();
    const updates = rollout ? await this.#learn(rollout, lr) : [];
    this.#updates = rollout && updates;
    this.#step += 1;
    const { skipped } = updates.at(-1) ?? (await this.#optimizer.report());
    const seconds = (performance.now() - started) / 1000;
    const isCorrected = this.#isCorrected;
    const step = {
      task,
      lr,
      klCoef,
      seconds,
      skipped: skipped + this.#unrewarded.steps,
      isCorrected,
      options,
    };
    const { rewardNames } = this.#rollouts;
    const metrics = rollout ? summarise({ ...step, rollout, updates }) : unmeasured(step, rewardNames);
    this.#moveReference(metrics, rollout?.completions.length ?? 0);
    return { ...metrics, ...this.#rollouts.metrics() };
  }

  /** Return the learning rate of step `step`, counted from 0. */
  learningRate(step: number): number {
    const { scheduler, lr, warmupRatio, steps: totalSteps } = this.options;
    return scheduler === 'none' ? lr : cosineWithWarmup(step, { totalSteps, warmupRatio, lr, minLr: 0 });
  }

  /** Sample and reward the completions of the next step. @throws RewardError if a reward fails. */
  async rollout(): Promise<Rollout> {
    return this.#rollouts.next();
  }

  /** Return some completions of the latest step; none before the first step. */
  samples(): SampleRow[] {
    if (!this.#latest) return [];
    const { rollout, advantages } = this.#latest;
    return sampleRows(rollout, advantages, { task: this.task, groupSize: this.options.groupSize });
  }

  /**
   * Return the trace of the latest step, with up to `groups` groups token by token. Undefined before the first step, and if
   * the step was skipped since a reward was not finite.
   */
  trace(groups: number): StepTrace | undefined {
    if (!this.#latest || !this.#updates) return undefined;
    const records = this.#updates.flatMap((update) => update.records);
    const { task, options } = this;
    const step = { step: this.#step, ...this.#latest, records, isCorrected: this.#isCorrected };
    return traceOf(step, { task, options, groups });
  }

  /** Return the state from which, together with the policy's weights, training resumes to the same bits. */
  async state(): Promise<GrpoState> {
    const optimizer = await this.#optimizer.stateDict();
    const own = { step: this.#step, klCoef: this.#klCoef, unrewarded: this.#unrewarded };
    return {
      progress: { ...own, optimizerSteps: optimizer.steps, ...this.#rollouts.progress() },
      optimizer: optimizerTensors(optimizer),
      reference: (await this.#reference?.stateDict()) ?? null,
      ...(this.#rollouts instanceof StaleRollouts && { versions: await this.#rollouts.versions() }),
    };
  }

  /**
   * Resume from the state of a trainer with the same options, task and rewards. Load the policy's weights separately.
   * @throws MathformerError if the state is invalid or of a different trainer, such as one with another `staleness`.
   */
  restore({ progress, optimizer, reference, versions = [] }: TrainingState): void {
    const { staleness } = this.options;
    if (versions.length !== staleness) throw otherStaleness(versions.length, staleness);
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
    if (this.#rollouts instanceof StaleRollouts) this.#rollouts.restore(source, versions, step);
    else this.#rollouts.restore(source);
    this.#step = step;
    this.#klCoef = klCoef;
    this.#unrewarded = unrewarded;
  }

  /** Free the trainer's memory, but not the policy. A rollout that is being drawn for a later step ends without effect. */
  dispose(): void {
    if (this.#rollouts instanceof StaleRollouts) this.#rollouts.dispose();
    if (this.#ownsSampler) this.sampler.dispose();
    this.#rescorer.dispose();
    this.#gradients.dispose();
    this.#apply[Symbol.dispose]();
    this.#optimizer.dispose();
    this.#reference?.dispose();
  }

  /** True if completions are sampled by another policy than the present one, or by it on another kind of machine. */
  get #isCorrected(): boolean {
    return this.options.staleness > 0 || (this.sampler.isForeign ?? false);
  }

  /** Return the next rollout; undefined if a reward was not finite. */
  async #rewarded(): Promise<Rollout | undefined> {
    try {
      const rollout = await this.rollout();
      this.#unrewarded = { ...this.#unrewarded, inARow: 0 };
      return rollout;
    } catch (error) {
      // A computation can yield NaN or infinity. Any other value is a mistake in the reward.
      if (!(error instanceof RewardError) || typeof error.value !== 'number') throw error;
      const { steps, inARow } = this.#unrewarded;
      if (inARow + 1 >= MAX_SKIPPED) throw error;
      this.#unrewarded = { steps: steps + 1, inARow: inARow + 1 };
      return undefined;
    }
  }

  /** Take the optimiser steps of a rollout. */
  async #learn(rollout: Rollout, lr: number): Promise<Update[]> {
    const { options } = this;
    const sampled = trajectoriesOf(rollout, options, this.task);
    this.#latest = { rollout, advantages: sampled.map(({ advantage }) => advantage) };
    const trajectories = this.#isCorrected ? await this.#rescorer.rescored(sampled) : sampled;
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

  /** Take one optimiser step. @throws MathformerError if training diverged. */
  async #update(trajectories: readonly WeightedTrajectory[], lr: number): Promise<Update> {
    this.policy.parameters.zeroGrad();
    const pending: Promise<BatchValues>[] = [];
    const tokens = Math.min(this.options.microBatchTokens, mostTokens(this.policy));
    const together = this.policy.device.readTogether();
    for (const batch of microBatches(trajectories, tokens)) {
      const values = this.#gradients.add(batch, together);
      values.catch(() => {}); // Promise.all below throws it; until then a handler keeps it from ending the process
      pending.push(values);
    }
    this.#apply(lr);
    const reported = Promise.all([this.#optimizer.report(together), Promise.all(pending)]);
    together.finish();
    const [report, done] = await reported;
    refuseDivergence(report, this.#step + 1, `lower --lr (now ${this.options.lr}) or raise --kl_coef`);
    return {
      records: done.flatMap(({ records }) => records),
      loss: done.reduce((total, { loss }) => total + loss, 0),
      policyLoss: done.reduce((total, { policyLoss }) => total + policyLoss, 0),
      gradNorm: report.gradNorm,
      skipped: report.skipped,
    };
  }

  /** Adapt the weight of the KL (`klTarget`), and copy the policy to the reference (`refSyncSteps`). */
  #moveReference({ kl = Number.NaN }: GrpoMetrics, sequences: number): void {
    const { klTarget, refSyncSteps } = this.options;
    if (klTarget > 0 && Number.isFinite(kl))
      this.#klCoef = adaptedKlCoef(this.#klCoef, kl, sequences, this.options);
    if (refSyncSteps > 0 && this.#step % refSyncSteps === 0) {
      this.#reference?.parameters.copyFrom(this.policy.parameters);
    }
  }
}

/** Return what makes the samplers of earlier versions. @throws MathformerError if only a sampler of the policy was given. */
function samplerOf({
  task,
  sampler,
  samplerOf: given,
}: GrpoTrainerParts): (model: Transformer) => CompletionSampler {
  if (given) return given;
  if (!sampler) return (model) => new Sampler(model, { eos: task.tokenizer.eos });
  throw new MathformerError(
    'staleness needs samplers of earlier policies, and only one of the present policy is given',
    {
      code: 'BAD_OPTION',
      where: 'GrpoTrainer',
      fix: 'give `samplerOf`, which makes the sampler of a model, or staleness 0',
    },
  );
}
