/**
 * Rollouts that an earlier policy samples while later steps train: those of step s (from 0) come from exactly the weights
 * after max(0, s − k) steps. A rollout is drawn only when the one before is rewarded, so problems, curriculum and dynamic
 * sampling do not depend on timing.
 */
import { MathformerError } from '../base/errors.ts';
import type { CompletionSampler } from '../model/completions.ts';
import type { StateDict } from '../model/stateDict.ts';
import { badState } from '../model/trainingState.ts';
import type { Transformer } from '../model/transformer.ts';
import type { GrpoMetrics } from './metrics.ts';
import type { GrpoOptions } from './options.ts';
import type { Rollout } from './rollout.ts';
import type { RolloutSource, SourceProgress } from './rolloutSource.ts';

/** A rollout that was drawn, or the error of drawing it, with the source as it was left. */
interface Drawn {
  readonly result: { readonly rollout: Rollout } | { readonly error: unknown };
  readonly progress: SourceProgress;
  readonly metrics: GrpoMetrics;
}

/** Parts of `StaleRollouts`. */
export interface StaleRolloutsParts {
  readonly options: Pick<GrpoOptions, 'staleness' | 'steps'>;
  /** Make a sampler of a model's completions. It is disposed of with the rollouts. */
  readonly samplerOf: (model: Transformer) => CompletionSampler;
  /** Make the source of rollouts that a sampler samples. */
  readonly sourceOf: (sampler: CompletionSampler) => RolloutSource;
}

/** Draw rollouts from earlier versions of a policy, ahead of the steps that learn from them. */
export class StaleRollouts {
  /** The last k versions of the policy, the oldest first: entry i samples the i-th rollout from here. */
  readonly #versions: Transformer[];
  /** The version that samples at present. */
  readonly #behaviour: Transformer;
  readonly #sampler: CompletionSampler;
  readonly #source: RolloutSource;
  /** Rollouts that no step has taken yet. */
  readonly #ready: Drawn[] = [];
  /** Settles when the rollout in the making is ready. */
  #drawing: Promise<void> | undefined;
  /** Number of rollouts taken. */
  #taken = 0;
  /** The source after the rollouts taken: those after it are drawn again when training resumes. */
  #after: Pick<Drawn, 'progress' | 'metrics'>;
  /** True once the versions are those of the training, not of the start. */
  #hasBegun = false;
  #isDisposed = false;

  constructor(
    private readonly policy: Transformer,
    private readonly parts: StaleRolloutsParts,
  ) {
    this.#versions = Array.from({ length: parts.options.staleness }, () => policy.clone());
    this.#behaviour = policy.clone();
    this.#sampler = parts.samplerOf(this.#behaviour);
    this.#source = parts.sourceOf({
      generate: async (...request) => {
        this.#refuseDisposed();
        const completions = await this.#sampler.generate(...request);
        this.#refuseDisposed();
        return completions;
      },
      dispose: () => {},
    });
    this.#after = this.#present();
  }

  get rewardNames(): string[] {
    return this.#source.rewardNames;
  }

  /**
   * Return the rollout of the next step, and begin to draw later ones. Call it before the step changes the policy.
   * @throws RewardError if a reward fails: the rollout is lost, and the next call returns the one after it.
   */
  async next(): Promise<Rollout> {
    while (this.#ready.length === 0) await this.#draw();
    const drawn = this.#ready.shift();
    if (this.#isDisposed || !drawn) throw isDisposed();
    this.#after = drawn;
    this.#taken += 1;
    this.#keepPolicy();
    if ('error' in drawn.result) throw drawn.result.error;
    this.#prefetch();
    // Other machines sample while the step trains: they need weights and prompts before this one is busy with it.
    await this.#sampler.begun?.();
    return drawn.result.rollout;
  }

  /** Return the metrics of the source after the latest rollout. */
  metrics(): GrpoMetrics {
    return this.#after.metrics;
  }

  /** Return the state of the source before the next rollout. */
  progress(): SourceProgress {
    return this.#after.progress;
  }

  /** Return the versions that sample the next rollouts, the oldest first. */
  async versions(): Promise<StateDict[]> {
    this.#start();
    return Promise.all(this.#versions.map((version) => version.stateDict()));
  }

  /**
   * Resume before a rollout.
   * @param progress what `progress` returned. @param versions what `versions` returned. @param taken the number of rollouts taken.
   * @throws MathformerError if rollouts were drawn already.
   */
  restore(progress: SourceProgress, versions: readonly StateDict[], taken: number): void {
    if (this.#drawing || this.#ready.length > 0) throw badState('the trainer has taken steps');
    for (const [i, version] of this.#versions.entries()) version.load(versions[i] ?? new Map());
    this.#source.restore(progress);
    this.#hasBegun = true;
    this.#taken = taken;
    this.#after = this.#present();
  }

  /** Free the memory. A rollout in the making ends without effect. */
  dispose(): void {
    this.#isDisposed = true;
    this.#sampler.dispose();
    for (const model of [this.#behaviour, ...this.#versions]) model.dispose();
  }

  #present(): Pick<Drawn, 'progress' | 'metrics'> {
    return { progress: this.#source.progress(), metrics: this.#source.metrics() };
  }

  /** Take the policy as every version if no rollout was drawn yet: its weights may have been loaded since the trainer was made. */
  #start(): void {
    if (this.#hasBegun) return;
    for (const version of this.#versions) version.parameters.copyFrom(this.policy.parameters);
  }

  /** Replace the oldest version, whose rollout was taken, by the policy. */
  #keepPolicy(): void {
    const [oldest, ...newer] = this.#versions;
    if (!oldest) return;
    oldest.parameters.copyFrom(this.policy.parameters);
    this.#versions.splice(0, this.#versions.length, ...newer, oldest);
  }

  /** Draw the rollouts of later steps, one after another, as far as their versions are known. */
  #prefetch(): void {
    const { steps } = this.parts.options;
    const drawn = this.#ready.length;
    if (this.#isDisposed || drawn >= this.#versions.length || this.#taken + drawn >= steps) return;
    // After an error the step that it belongs to decides.
    if (this.#ready.some(({ result }) => 'error' in result)) return;
    void this.#draw();
  }

  /** Draw the rollout after those that are ready. The promise never rejects. */
  #draw(): Promise<void> {
    this.#drawing ??= this.#drawn().then((drawn) => {
      this.#drawing = undefined;
      this.#ready.push(drawn);
      this.#prefetch();
    });
    return this.#drawing;
  }

  async #drawn(): Promise<Drawn> {
    try {
      this.#refuseDisposed();
      this.#start();
      this.#hasBegun = true;
      const version = this.#versions[this.#ready.length];
      if (version) this.#behaviour.parameters.copyFrom(version.parameters);
      return { result: { rollout: await this.#source.next() }, ...this.#present() };
    } catch (error) {
      return { result: { error }, ...this.#present() };
    }
  }

  #refuseDisposed(): void {
    if (this.#isDisposed) throw isDisposed();
  }
}

function isDisposed(): MathformerError {
  return new MathformerError('the trainer was disposed of', {
    code: 'DISPOSED',
    where: 'GrpoTrainer',
    fix: 'keep the trainer until its last step is done',
  });
}

/** Return the error of a state that another staleness left. */
export function otherStaleness(saved: number, asked: number): MathformerError {
  return new MathformerError(`the run was begun with --staleness ${saved} and cannot resume with ${asked}`, {
    code: 'BAD_STATE',
    where: 'restore',
    fix: `resume with --staleness ${saved}, or begin a new run from its last weights`,
  });
}
