/** A run in training: the model, the problems it is evaluated on, and the store that keeps what comes of it. */
import type { Checkpoint } from '../formats/index.ts';
import type { Evaluation } from '../model/evaluate.ts';
import type { TrainingState } from '../model/trainingState.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import { accuracyOf } from './accuracy.ts';
import { completionRows, completionsFile, isCorrect } from './completions.ts';
import type { Listener, TrainingEvent } from './events.ts';
import type { PhaseName, PhaseResult, Totals } from './sessionState.ts';
import type { MetricsRow, ResumePoint, StoredRun, WorkerRow } from './store.ts';

/** The model in training. */
export interface Subject {
  /** Answer the held-out problems. */
  evaluate(onProgress: (done: number) => void): Promise<Evaluation>;
  /** Read the present weights. */
  checkpoint(): Promise<Checkpoint>;
}

/** A checkpoint of a phase of training. */
export interface Milestone {
  readonly name: string;
  readonly phase: PhaseName;
  /** Sums over the steps of the phase so far. */
  readonly totals: Totals;
  /** Tells whether it goes when a later one is saved. */
  readonly temporary: boolean;
  /** The accuracy that an evaluation found; null without one. */
  readonly accuracy: number | null;
}

/** Parts of a run in training. */
export interface TrainingRunParts {
  readonly task: Task;
  /** The held-out problems. */
  readonly problems: readonly TaskProblem[];
  readonly subject: Subject;
  /** The checkpoint that the run is resumed from. */
  readonly resumed?: ResumePoint | undefined;
  /** Checkpoints to keep besides the best one; 0, the default, keeps all. */
  readonly keepLast?: number;
  readonly on?: Listener | undefined;
  /** Asks to stop after the step. */
  readonly signal?: Pick<AbortSignal, 'aborted'> | undefined;
  /** Asks for a checkpoint after the step. */
  readonly wantsCheckpoint?: (() => boolean) | undefined;
}

/** Thrown out of an evaluation that was asked to stop. */
class Stopped extends Error {}

/** A run that is open, with its model. */
export class TrainingRun {
  readonly resumed: ResumePoint | undefined;
  /** Phases that are over. */
  readonly finished: { [phase in PhaseName]?: PhaseResult | undefined };
  /** The listener's error while nobody waited for it. */
  #missed: { readonly reason: unknown } | undefined;

  constructor(
    readonly store: StoredRun,
    private readonly parts: TrainingRunParts,
  ) {
    this.resumed = parts.resumed;
    this.finished = { ...parts.resumed?.session.finished };
  }

  /** Tells whether the run was asked to stop. */
  get isStopped(): boolean {
    return this.parts.signal?.aborted ?? false;
  }

  /** Tells whether a checkpoint was asked for. */
  get wantsCheckpoint(): boolean {
    return this.parts.wantsCheckpoint?.() ?? false;
  }

  /** Tell an event. @throws what the listener throws, or failed with at a progress that nobody waited for. */
  async emit(event: TrainingEvent): Promise<void> {
    if (this.#missed) throw this.#missed.reason;
    await this.parts.on?.(event);
  }

  /** Tell an event without waiting for the listener: its failure is thrown at the next one. */
  #emitInPassing(event: TrainingEvent): void {
    if (this.#missed) throw this.#missed.reason;
    const heard = this.parts.on?.(event);
    heard?.catch((reason: unknown) => {
      this.#missed ??= { reason };
    });
  }

  /**
   * Evaluate as `baseline` or `final`, and keep the completions; null if a stop was requested. A baseline that an earlier
   * session evaluated is read from the store.
   */
  async judge(name: 'baseline' | 'final'): Promise<readonly boolean[] | null> {
    if (this.isStopped) return null;
    const correct =
      (name === 'baseline' && (await this.#earlier(name))) ||
      (await this.#evaluate(name, this.#tellProgress));
    if (correct) await this.emit({ type: 'evaluation', at: name, accuracy: accuracyOf(correct) });
    return correct;
  }

  /**
   * Evaluate after a step of GRPO or a pass of pretraining, and keep the completions; returns the accuracy, null if a stop
   * was requested.
   */
  async evaluateAt(step: number): Promise<number | null> {
    const correct = await this.#evaluate(`eval_step${step}`);
    if (correct === null) return null;
    const accuracy = accuracyOf(correct);
    await this.emit({ type: 'evaluation', at: step, accuracy });
    return accuracy.accuracy;
  }

  async log(row: MetricsRow, workers: readonly WorkerRow[] = []): Promise<void> {
    await this.store.log(row, workers);
    await this.emit({ type: 'row', row });
  }

  /** Save everything that is needed to resume here; returns the path of the weights. */
  async save({ name, phase, totals, temporary, accuracy }: Milestone, state: TrainingState): Promise<string> {
    const { subject, keepLast = 0 } = this.parts;
    const model = await subject.checkpoint();
    const rows = await this.store.syncedRows();
    const session = { phase, totals, rows, finished: { ...this.finished } };
    const step = totals.steps;
    const path = await this.store.checkpoints.save(
      { model, state, session },
      { name, step, temporary, keepLast, accuracy },
    );
    await this.emit({ type: 'checkpoint', name, step, path });
    return path;
  }

  /** Save the weights alone; returns their path. */
  async saveWeights(name: string): Promise<string> {
    return this.store.saveCheckpoint(name, await this.parts.subject.checkpoint());
  }

  /**
   * Answer the held-out problems, and keep the completions as `<name>_completions.jsonl`; returns which answers are correct,
   * or null if a stop was requested before all were answered.
   */
  async #evaluate(
    name: string,
    onProgress: (done: number) => void = () => undefined,
  ): Promise<readonly boolean[] | null> {
    const { task, problems, subject } = this.parts;
    onProgress(0);
    try {
      const { correct, completions } = await subject.evaluate((done) => {
        onProgress(done);
        // After the last problem the answer is there, and losing it would be a pity.
        if (this.isStopped && done < problems.length) throw new Stopped();
      });
      await this.store.writeLines(completionsFile(name), completionRows(task, problems, completions));
      return correct;
    } catch (error) {
      if (error instanceof Stopped) return null;
      throw error;
    }
  }

  readonly #tellProgress = (done: number): void => {
    this.#emitInPassing({ type: 'evaluating', done, total: this.parts.problems.length });
  };

  /** Read the verdicts of an earlier session; undefined if it did not answer all problems under that name. */
  async #earlier(name: string): Promise<readonly boolean[] | undefined> {
    const rows = this.resumed && (await this.store.readLines(completionsFile(name)));
    return rows?.length === this.parts.problems.length ? rows.map(isCorrect) : undefined;
  }
}
