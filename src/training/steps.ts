/** The steps of any trainer, with an orderly stop. */
import type { PhaseName, Totals } from './sessionState.ts';
import type { TrainingRun } from './trainingRun.ts';

/** The steps of a phase. */
export interface PhaseSteps<Metrics> {
  readonly phase: PhaseName;
  readonly trainer: { step(): Promise<Metrics> };
  /** Steps in all, those taken before included. */
  readonly steps: number;
  /** Sums over the steps that were taken before. */
  readonly from: Totals;
  /** Count the tokens computed in a step. */
  readonly tokens: (metrics: Metrics) => number;
}

/** A step that was taken. */
export interface TakenStep<Metrics> {
  readonly metrics: Metrics;
  /** Sums over the steps of the phase, this one included. */
  readonly totals: Totals;
}

/** Take steps until all are taken or a stop is requested; the step at hand is always finished. */
export async function* stepsOf<Metrics extends Readonly<Record<string, number>>>(
  run: TrainingRun,
  { phase, trainer, steps, from, tokens }: PhaseSteps<Metrics>,
): AsyncGenerator<TakenStep<Metrics>> {
  await run.emit({ type: 'phase', phase, from: from.steps, steps });
  let totals = from;
  while (totals.steps < steps && !run.isStopped) {
    const started = performance.now();
    const metrics = await trainer.step();
    totals = {
      steps: totals.steps + 1,
      tokens: totals.tokens + tokens(metrics),
      seconds: totals.seconds + (performance.now() - started) / 1000,
    };
    await run.emit({ type: 'step', phase, step: totals.steps, metrics });
    yield { metrics, totals };
  }
}
