/** The loop around any trainer: steps, metrics, progress, and an orderly stop. */

import type { PhaseName, Totals } from '../training/sessionState.ts';
import type { ProgressValues } from './reporter.ts';
import type { Workbench } from './workbench.ts';

export interface LoopOptions<Metrics extends object> {
  readonly phase: PhaseName;
  readonly trainer: { step(): Promise<Metrics> };
  /** Steps in all, those taken before included. */
  readonly steps: number;
  /** What was done before. */
  readonly from: Totals;
  /** The metrics shown beside the progress. */
  readonly shown: (metrics: Metrics) => ProgressValues;
  /** Tokens computed in a step. */
  readonly tokens: (metrics: Metrics) => number;
  /** Evaluates where it is due; returns the accuracy if it did. */
  readonly evaluate: (step: number, metrics: Metrics) => Promise<number | null>;
  /** Saves where it is due; the step is in the log by then. */
  readonly save: (totals: Totals, accuracy: number | null) => Promise<void>;
}

/**
 * Runs until all steps are taken or a stop is requested; the step at hand is always finished and logged.
 * @returns what was done in all, what was done before included.
 */
export async function trainingLoop<Metrics extends object>(
  bench: Workbench,
  { phase, trainer, steps, from, shown, tokens, evaluate, save }: LoopOptions<Metrics>,
): Promise<Totals> {
  const label = phase === 'grpo' ? 'GRPO' : 'Pretraining';
  const progress = bench.reporter.progress(label, { from: from.steps, total: steps, unit: 'steps' });
  if (from.steps >= steps)
    bench.reporter.line(`${label}: all ${steps} steps are taken; --steps can give more`);
  let totals = from;
  try {
    while (totals.steps < steps && !bench.stop.requested) {
      const started = performance.now();
      const metrics = await trainer.step();
      totals = {
        steps: totals.steps + 1,
        tokens: totals.tokens + tokens(metrics),
        seconds: totals.seconds + (performance.now() - started) / 1000,
      };
      progress.update(totals.steps, shown(metrics));
      // A step that was taken is logged even if evaluating after it fails.
      let accuracy: number | null = null;
      try {
        accuracy = await evaluate(totals.steps, metrics);
      } finally {
        bench.run.log({ phase, step: totals.steps, ...metrics, eval_accuracy: accuracy });
      }
      await save(totals, accuracy);
    }
  } finally {
    progress.stop();
  }
  return totals;
}
