/**
 * A store keeps one run: a directory on disk, memory, or the private files of a browser's origin. A method may do its work
 * before it returns or answer with a promise. Training awaits each call before it goes on, so what a method promises holds
 * from there: a logged row outlives the process, a saved checkpoint is whole.
 */
import type { WorkerFigures } from '../cluster/trainer/metrics.ts';
import type { Checkpoint } from '../formats/index.ts';
import type { TrainingState } from '../model/trainingState.ts';
import type { BestCheckpoint, ListedCheckpoint } from './checkpointList.ts';
import type { RunConfig } from './runConfig.ts';
import type { SessionState } from './sessionState.ts';

/** A value, or a promise of it. */
export type Awaitable<Value> = Value | Promise<Value>;

/** A value of a metric; null where it was not measured. */
export type Metric = number | string | null;

/** The metrics of a step of a phase (`pretrain` or `grpo`), counted from 1 in each phase. */
export interface MetricsRow {
  readonly phase: string;
  readonly step: number;
  readonly [name: string]: Metric;
}

/** The work of a worker for a step of GRPO. */
export interface WorkerRow extends WorkerFigures {
  readonly step: number;
}

/** Everything that is needed to resume at a step, to the bit. */
export interface TrainingCheckpoint {
  readonly model: Checkpoint;
  readonly state: TrainingState;
  /** Further state of the session, as plain JSON. */
  readonly session: Readonly<Record<string, unknown>>;
}

/** The name of a checkpoint, and how long it stays. */
export interface SaveOptions {
  /** A checkpoint that has this name already stays as it is: a run has one of a name. */
  readonly name: string;
  readonly step: number;
  /** Remove it once there is a later one. */
  readonly temporary?: boolean;
  /** Remove all but the last `keepLast` and the best; 0, the default, keeps all. */
  readonly keepLast?: number;
  /** The accuracy that an evaluation found; null or undefined without one. */
  readonly accuracy?: number | null | undefined;
}

/** A checkpoint that a run is resumed from. */
export interface ResumePoint extends Omit<TrainingCheckpoint, 'session'>, ListedCheckpoint {
  readonly session: SessionState;
}

/** A place for one run. */
export interface Store {
  /** Return the config of the run that is here; undefined before there is one. */
  config(): Awaitable<RunConfig | undefined>;
  /**
   * Read the last whole checkpoint; undefined if the run has none and nothing that beginning again would destroy.
   * @param onDamage is called with the problem of each checkpoint that is not as it was saved.
   * @throws MathformerError if the run has trained, but has no checkpoint to resume from.
   */
  resumePoint(onDamage: (problem: string) => void): Awaitable<ResumePoint | undefined>;
  /** Read a text file of the run; undefined if there is none. */
  readText(name: string): Awaitable<string | undefined>;
  /** Name a file of the run for people. */
  path(name: string): string;
  /**
   * Begin a run, or open the one that is here.
   * @param resume the number of rows of metrics to keep; undefined for a new run.
   * @throws MathformerError, e.g. if a run may not be begun here or another process writes to it.
   */
  open(config: RunConfig, resume: { readonly rows: number } | undefined): Awaitable<StoredRun>;
}

/** The checkpoints of an open run. */
export interface StoredCheckpoints {
  /** The complete ones, in the order in which they were saved. */
  readonly entries: readonly ListedCheckpoint[];
  readonly best: BestCheckpoint | null;
  /** Name the weights of a checkpoint for people. */
  path(name: string): string;
  /**
   * Save a checkpoint whole or not at all, and remove those that are no longer wanted.
   * @returns the path of its weights. @throws MathformerError for weights that are not finite, or that cannot be kept.
   */
  save(checkpoint: TrainingCheckpoint, options: SaveOptions): Awaitable<string>;
  /** Note the accuracy of a saved checkpoint if it is the best so far; returns whether it is. */
  offer(name: string, accuracy: number): Awaitable<boolean>;
  /** Forget those that were saved after a checkpoint: a run that is resumed there saves them anew. */
  forgetAfter(name: string): Awaitable<void>;
}

/** An open run. */
export interface StoredRun {
  /** The name of the place, for people: on disk the directory. */
  readonly directory: string;
  readonly checkpoints: StoredCheckpoints;
  /**
   * Append a row to the metrics, and those of the workers to `workers.jsonl`. When this is done, the end of the process does not
   * lose them.
   */
  log(row: MetricsRow, workers?: readonly WorkerRow[]): Awaitable<void>;
  /** Return the number of rows so far, all of them safe from the end of the machine. */
  syncedRows(): Awaitable<number>;
  /** Write a JSON file, whole or not at all. */
  writeJson(name: string, value: unknown): Awaitable<unknown>;
  /** Write rows as JSON lines, whole or not at all. */
  writeLines(name: string, rows: readonly object[]): Awaitable<unknown>;
  /** Write a file, whole or not at all. Its directory in the run is made, such as that of `trace/step1.safetensors`. */
  writeBytes(name: string, bytes: Uint8Array): Awaitable<unknown>;
  /** Read the rows of a file that `writeLines` wrote; undefined if there is none. */
  readLines(name: string): Awaitable<unknown[] | undefined>;
  /** Save weights alone beside the checkpoints; returns their path. */
  saveCheckpoint(name: string, checkpoint: Checkpoint): Awaitable<string>;
  /** Close the run; the store can open it again. */
  close(): Awaitable<void>;
}
