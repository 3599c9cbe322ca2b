/** What summary.json says of a session, and the lines that end it. */
import type { Checkpoints } from '../runs/checkpoints.ts';
import { gitCommit } from '../runs/provenance.ts';
import { accuracyOf, improvementOf } from '../training/accuracy.ts';
import type { PhaseName, PhaseResult } from '../training/sessionState.ts';
import { improvementText } from './accuracy.ts';
import { invocation } from './invocation.ts';
import type { AdapterRecord } from './machine.ts';
import { duration, type Reporter } from './reporter.ts';

/** What a session found; null for what it did not get to. */
export interface Results {
  readonly baseline: readonly boolean[] | null;
  readonly final: readonly boolean[] | null;
  readonly phases: Readonly<Partial<Record<PhaseName, PhaseResult>>>;
}

/** What a summary says besides the results. */
export interface SummaryContext {
  readonly kind: string;
  readonly seed: number;
  readonly adapter: AdapterRecord;
  readonly interrupted: boolean;
  /** Which variants of kernels ran, by family and shape class. */
  readonly kernels: Readonly<Record<string, string>>;
}

/** The content of summary.json. */
export type Summary = ReturnType<typeof summaryOf>;

export function summaryOf(
  { run }: { readonly run: { readonly checkpoints: Pick<Checkpoints, 'best' | 'path'> } },
  { baseline, final, phases }: Results,
  { kind, seed, adapter, interrupted, kernels }: SummaryContext,
) {
  const done = Object.values(phases);
  const tokens = done.reduce((sum, phase) => sum + phase.tokens, 0);
  const trainingSeconds = done.reduce((sum, phase) => sum + phase.seconds, 0);
  const { best } = run.checkpoints;
  return {
    kind,
    interrupted,
    baseline: baseline && accuracyOf(baseline),
    final: final && accuracyOf(final),
    improvement: baseline && final && improvementOf(baseline, final),
    /** The checkpoint with the best accuracy, of those that were evaluated in training and at its end. */
    best: best && { ...best, checkpoint: run.checkpoints.path(best.name) },
    /** Of this process, since its start. */
    seconds: performance.now() / 1000,
    trainingSeconds,
    tokens,
    tokensPerSecond: trainingSeconds > 0 ? tokens / trainingSeconds : 0,
    phases,
    checkpoint: done.at(-1)?.checkpoint ?? null,
    adapter,
    seed,
    gitCommit: gitCommit(),
    kernels,
  };
}

export function printSummary(reporter: Reporter, summary: Summary, directory: string): void {
  const { improvement, best, checkpoint, interrupted, seconds, tokensPerSecond } = summary;
  if (improvement) reporter.line(`Improvement: ${improvementText(improvement)}`);
  if (best && summary.final && best.accuracy > summary.final.accuracy) {
    reporter.line(`Best: ${(100 * best.accuracy).toFixed(2)}% after step ${best.step}, ${best.checkpoint}`);
  }
  const what = interrupted ? 'Interrupted; saved the model' : 'Saved final model';
  if (checkpoint !== null) reporter.line(`${what} to ${checkpoint}`);
  else if (interrupted) reporter.line('Interrupted before the first step');
  if (interrupted) reporter.line(`Go on with: ${invocation('train', ['resume', directory])}`);
  reporter.line(`Took ${duration(seconds)}, ${Math.round(tokensPerSecond)} tokens/s in training`);
}
