/** summary.json of a run. */
import { type Accuracy, accuracyOf, type Improvement, improvementOf } from './accuracy.ts';
import type { BestCheckpoint } from './checkpointList.ts';
import type { AdapterRecord } from './machine.ts';
import type { RunKind } from './runConfig.ts';
import type { PhaseName, PhaseResult } from './sessionState.ts';
import type { StoredCheckpoints } from './store.ts';

/** Results of a session; null for evaluations that it did not get to. */
export interface Results {
  readonly baseline: readonly boolean[] | null;
  readonly final: readonly boolean[] | null;
  readonly phases: Readonly<Partial<Record<PhaseName, PhaseResult>>>;
}

/** Facts of a session besides its results. */
export interface SummaryContext {
  readonly kind: RunKind;
  readonly seed: number;
  readonly adapter: AdapterRecord;
  readonly gitCommit: string | null;
  readonly interrupted: boolean;
  /** Seconds since the start. */
  readonly seconds: number;
  /** Names of the variants of kernels that ran, by family and shape class. */
  readonly kernels: Readonly<Record<string, string>>;
}

/** The content of summary.json. */
export interface Summary extends SummaryContext {
  readonly baseline: Accuracy | null;
  readonly final: Accuracy | null;
  /** The final accuracy compared with the baseline. */
  readonly improvement: Improvement | null;
  /** The checkpoint with the best accuracy, of those that were evaluated in training and at its end. */
  readonly best: (BestCheckpoint & { readonly checkpoint: string }) | null;
  /** Seconds spent in steps. */
  readonly trainingSeconds: number;
  readonly tokens: number;
  readonly tokensPerSecond: number;
  readonly phases: Results['phases'];
  /** The path of the last checkpoint; null if there is none but the start. */
  readonly checkpoint: string | null;
}

/** Sum up a session. */
export function summaryOf(
  checkpoints: Pick<StoredCheckpoints, 'best' | 'path'>,
  { baseline, final, phases }: Results,
  { kind, seed, adapter, gitCommit, interrupted, seconds, kernels }: SummaryContext,
): Summary {
  const done = Object.values(phases);
  const tokens = done.reduce((sum, phase) => sum + phase.tokens, 0);
  const trainingSeconds = done.reduce((sum, phase) => sum + phase.seconds, 0);
  const { best } = checkpoints;
  return {
    kind,
    interrupted,
    baseline: baseline && accuracyOf(baseline),
    final: final && accuracyOf(final),
    improvement: baseline && final && improvementOf(baseline, final),
    best: best && { ...best, checkpoint: checkpoints.path(best.name) },
    seconds,
    trainingSeconds,
    tokens,
    tokensPerSecond: trainingSeconds > 0 ? tokens / trainingSeconds : 0,
    phases,
    checkpoint: done.at(-1)?.checkpoint ?? null,
    adapter,
    seed,
    gitCommit,
    kernels,
  };
}
