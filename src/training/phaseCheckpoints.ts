/** The checkpoints of a phase: at its beginning, where one is due or wanted, at a new best accuracy, and at its end. */
import type { TrainingState } from '../model/trainingState.ts';
import type { PhaseName, PhaseResult, Totals } from './sessionState.ts';
import type { TrainingRun } from './trainingRun.ts';

/** A trainer that can be stopped and resumed. */
export interface Resumable {
  state(): Promise<TrainingState>;
  restore(state: TrainingState): void;
}

/** Names of a phase's checkpoints by step, and when they are saved. */
export interface Naming {
  readonly nameOf: (step: number) => string;
  /** Tells whether a checkpoint goes when a later one is saved. */
  readonly isTemporary: (step: number) => boolean;
  readonly isDue: (step: number) => boolean;
}

/** Tell whether what happens every `interval` steps, and at the end anyway, happens after this one. */
export function isDue(step: number, interval: number, steps: number): boolean {
  return interval > 0 && step % interval === 0 && step < steps;
}

const NOTHING: Totals = { steps: 0, tokens: 0, seconds: 0 };

/** Saves the checkpoints of one phase. */
export class PhaseCheckpoints {
  #path: string | null = null;
  #saved = -1;

  constructor(
    private readonly run: TrainingRun,
    private readonly phase: PhaseName,
    private readonly trainer: Resumable,
    private readonly naming: Naming,
  ) {}

  /** Restore the trainer if the run resumes in this phase, else save its start; returns what was done before. */
  async begin(): Promise<Totals> {
    const { resumed, store } = this.run;
    if (resumed?.session.phase === this.phase) {
      this.trainer.restore(resumed.state);
      this.#saved = resumed.step;
      this.#path = resumed.step > 0 ? store.checkpoints.path(resumed.name) : null;
      return resumed.session.totals;
    }
    await this.#save(NOTHING);
    this.#path = null;
    return NOTHING;
  }

  /** Save if it is due, or if the accuracy is the best so far; for the time being if one is wanted. */
  async save(totals: Totals, accuracy: number | null): Promise<void> {
    const { checkpoints } = this.run.store;
    const isBest = accuracy !== null && accuracy > (checkpoints.best?.accuracy ?? -1);
    const lasts = isBest || this.naming.isDue(totals.steps);
    if (lasts || this.run.wantsCheckpoint) await this.#save(totals, { accuracy, lasts });
  }

  /** Save what has not been saved, and sum up. */
  async end(totals: Totals): Promise<PhaseResult> {
    if (totals.steps > this.#saved) await this.#save(totals);
    const tokensPerSecond = totals.seconds > 0 ? totals.tokens / totals.seconds : 0;
    const result = { ...totals, tokensPerSecond, checkpoint: this.#path };
    if (!this.run.isStopped) this.run.finished[this.phase] = result;
    return result;
  }

  async #save(
    totals: Totals,
    { accuracy = null, lasts = true }: { readonly accuracy?: number | null; readonly lasts?: boolean } = {},
  ): Promise<void> {
    const { steps } = totals;
    const { nameOf, isTemporary } = this.naming;
    const milestone = { name: nameOf(steps), temporary: !lasts || isTemporary(steps), totals, accuracy };
    this.#path = await this.run.save({ ...milestone, phase: this.phase }, await this.trainer.state());
    this.#saved = steps;
  }
}
