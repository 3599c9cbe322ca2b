/** Events of a session, in the order in which they happen. Each is plain data, so that a worker can post it to a page. */
import type { SampleRow } from '../grpo/samples.ts';
import type { StepTrace } from '../grpo/trace.ts';
import type { ModelConfig } from '../model/config.ts';
import type { Accuracy } from './accuracy.ts';
import type { AdapterRecord } from './machine.ts';
import type { PhaseName } from './sessionState.ts';
import type { MetricsRow } from './store.ts';
import type { Summary } from './summary.ts';

/** The source of the model that a session begins with. */
export type ModelOrigin =
  /** Made with random weights. */
  | { readonly kind: 'created' }
  /** Loaded from the path `name`. */
  | { readonly kind: 'loaded'; readonly name: string }
  /** Resumed from the checkpoint `name`. */
  | { readonly kind: 'resumed'; readonly name: string }
  /** Begun again, as the run at `name` has no checkpoint yet. */
  | { readonly kind: 'restarted'; readonly name: string };

/** An event of a session. */
export type TrainingEvent =
  /** A checkpoint is damaged; the one before it is taken. */
  | { readonly type: 'damage'; readonly problem: string }
  /** A device is open. */
  | { readonly type: 'machine'; readonly adapter: AdapterRecord }
  /** The task has fewer held-out problems than were asked for. */
  | { readonly type: 'shortage'; readonly found: number; readonly asked: number }
  /** The model is on the device. */
  | { readonly type: 'model'; readonly config: ModelConfig; readonly origin: ModelOrigin }
  /** A version or the adapter is another one than when the run was begun: bits may differ from those of an unbroken run. */
  | { readonly type: 'change'; readonly name: string; readonly before: string; readonly now: string }
  /** The run is open. Later failures leave something to resume. */
  | { readonly type: 'run'; readonly directory: string }
  /** A phase begins, or goes on behind step `from`. */
  | { readonly type: 'phase'; readonly phase: PhaseName; readonly from: number; readonly steps: number }
  /** A step is taken, but not logged yet. */
  | {
      readonly type: 'step';
      readonly phase: PhaseName;
      readonly step: number;
      readonly metrics: Readonly<Record<string, number>>;
    }
  /** The metrics show a sign of trouble, which `fix` may mend. */
  | { readonly type: 'warning'; readonly step: number; readonly problem: string; readonly fix: string }
  /** A step is traced, and its trace is kept. */
  | { readonly type: 'trace'; readonly trace: StepTrace }
  /** Some of the completions that a step learnt from. */
  | { readonly type: 'samples'; readonly step: number; readonly rows: readonly SampleRow[] }
  /** A named evaluation has answered `done` of `total` problems. Training does not wait for the listener. */
  | { readonly type: 'evaluating'; readonly done: number; readonly total: number }
  /** An evaluation is done: `baseline`, `final`, or after a step of GRPO or a pass of pretraining. */
  | { readonly type: 'evaluation'; readonly at: 'baseline' | 'final' | number; readonly accuracy: Accuracy }
  /** A row of metrics is logged. */
  | { readonly type: 'row'; readonly row: MetricsRow }
  /** A checkpoint is saved. */
  | { readonly type: 'checkpoint'; readonly name: string; readonly step: number; readonly path: string }
  /** An attempt failed; the session resumes, with smaller micro-batches if their number of tokens is given. */
  | {
      readonly type: 'recovery';
      readonly problem: string;
      readonly microBatchTokens: number | undefined;
    }
  /** The session is over: all is saved. */
  | { readonly type: 'end'; readonly directory: string; readonly summary: Summary };

/**
 * Hears events. Training waits for a promise that it returns, for all but `evaluating`: a listener that does not
 * settle pauses the session.
 */
export type Listener = (event: TrainingEvent) => void | Promise<void>;
