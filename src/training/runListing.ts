/** A run in a list of runs: the facts that a reader chooses by. */
import type { Accuracy, Improvement } from './accuracy.ts';
import type { RunKind } from './runConfig.ts';

/**
 * The state of a run: a process trains it; all is done; it was stopped and can be resumed; its files are damaged or of a newer
 * version, as `problem` says.
 */
export type RunState = 'training' | 'finished' | 'stopped' | 'unreadable';

/** A run in a list. Values that the run does not have yet, or that cannot be read, are null. */
export interface RunListing {
  /** Names the run in its source: the path of its directory below the source's root, with `/`. */
  readonly id: string;
  readonly state: RunState;
  /** For an unreadable run: the fault and its fix, as one sentence each. */
  readonly problem: string | null;
  readonly kind: RunKind | null;
  readonly task: string | null;
  /** Time of the start, ISO 8601. */
  readonly startedAt: string | null;
  /** Time of the last change of its metrics, in milliseconds since 1970. */
  readonly modified: number;
  /** Steps done in its last phase, and steps that the phase has. */
  readonly step: number;
  readonly steps: number | null;
  readonly phase: string | null;
  /** Parameters of the model. */
  readonly parameters: number | null;
  /** Short description of the model, such as `tiny`. */
  readonly model: string | null;
  readonly adapter: string | null;
  readonly seed: number | null;
  readonly baseline: Accuracy | null;
  readonly final: Accuracy | null;
  readonly improvement: Improvement | null;
  /** The latest mean reward. */
  readonly reward: number | null;
  /** The run's options as config.json has them. */
  readonly options: Readonly<Record<string, unknown>>;
}
