/** The loop around any trainer: steps, metrics, progress, and an orderly stop. */
import type { ProgressValues } from './reporter.ts';
import type { Workbench } from './workbench.ts';

export interface LoopOptions<Metrics extends object> {
  readonly phase: 'pretrain' | 'grpo';
  readonly trainer: { step(): Promise<Metrics> };
  readonly steps: number;
  /** The metrics shown beside the progress. */
  readonly shown: (metrics: Metrics) => ProgressValues;
  /** Tokens computed in a step. */
  readonly tokens: (metrics: Metrics) => number;
  /** Saves and evaluates where it is due; returns the accuracy if it evaluated. */
  readonly afterStep: (step: number, metrics: Metrics) => Promise<number | null>;
}

export interface LoopResult {
  /** Steps taken. */
  readonly steps: number;
  readonly tokens: number;
  /** Spent in steps, without saving and evaluating. */
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

/** Runs until all steps are taken or a stop is requested; the step at hand is always finished and logged. */
export async function trainingLoop<Metrics extends object>(
  bench: Workbench,
  { phase, trainer, steps, shown, tokens, afterStep }: LoopOptions<Metrics>,
): Promise<LoopResult> {
  const progress = bench.reporter.progress(phase === 'grpo' ? 'GRPO' : 'Pretraining', steps, 'steps');
  let done = 0;
  let seconds = 0;
  let totalTokens = 0;
  try {
    while (done < steps && !bench.stop.requested) {
      const started = performance.now();
      const metrics = await trainer.step();
      seconds += (performance.now() - started) / 1000;
      totalTokens += tokens(metrics);
      done++;
      progress.update(done, shown(metrics));
      // A step that was taken is logged even if saving or evaluating after it fails.
      let evalAccuracy: number | null = null;
      try {
        evalAccuracy = await afterStep(done, metrics);
      } finally {
        bench.run.log({ phase, step: done, ...metrics, eval_accuracy: evalAccuracy });
      }
    }
  } finally {
    progress.stop();
  }
  const tokensPerSecond = seconds > 0 ? totalTokens / seconds : 0;
  return { steps: done, tokens: totalTokens, seconds, tokensPerSecond };
}
