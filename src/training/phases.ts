/** The two phases of training: supervised, and GRPO. */
import type { z } from 'zod';
import type { ClusterFigures } from '../cluster/trainer/metrics.ts';
import type { GrpoMetrics } from '../grpo/metrics.ts';
import type { SampleRow } from '../grpo/samples.ts';
import { Warnings } from '../grpo/warnings.ts';
import type { PretrainMetrics } from '../pretrain/trainer.ts';
import type { grpoSessionSchema, pretrainSessionSchema } from './options.ts';
import { isDue, PhaseCheckpoints, type Resumable } from './phaseCheckpoints.ts';
import { type PhaseName, type PhaseResult, START_NAMES, type Totals } from './sessionState.ts';
import { stepsOf } from './steps.ts';
import { type StepTrace, traceFile, writeTrace } from './trace.ts';
import type { TrainingRun } from './trainingRun.ts';
import { workerMetrics, workerRows } from './workerRows.ts';

/** Supervised training. */
export interface PretrainPhase
  extends Readonly<Pick<z.output<typeof pretrainSessionSchema>, 'stepEval' | 'saveInterval'>> {
  readonly trainer: Resumable & { readonly totalSteps: number; step(): Promise<PretrainMetrics> };
  /** Optimiser steps in a pass over the examples. */
  readonly stepsPerPass: number;
}

/**
 * Train on examples. Saves `model_step<N>` after pass N; within a pass, and when interrupted, `model_update<N>` after
 * optimiser step N, which stays until the next checkpoint.
 */
export async function pretrainPhase(
  run: TrainingRun,
  { trainer, stepsPerPass, stepEval, saveInterval }: PretrainPhase,
): Promise<PhaseResult> {
  const phase = 'pretrain';
  const { totalSteps: steps } = trainer;
  const isPass = (step: number): boolean => step > 0 && step % stepsPerPass === 0;
  const checkpoints = new PhaseCheckpoints(run, phase, trainer, {
    nameOf: (step) => {
      if (step === 0) return START_NAMES.pretrain;
      return isPass(step) ? `model_step${step / stepsPerPass}` : `model_update${step}`;
    },
    isTemporary: (step) => !isPass(step),
    isDue: (step) => isPass(step) || isDue(step, saveInterval, steps),
  });
  let totals = await checkpoints.begin();
  const taken = stepsOf(run, { phase, trainer, steps, from: totals, tokens: ({ tokens }) => tokens });
  for await (const { metrics, totals: now } of taken) {
    totals = now;
    const { steps: step } = now;
    const accuracy = await logged(run, phase, now, { metrics }, async () => {
      // The final evaluation follows the last pass anyway.
      const isEvaluated = stepEval && isPass(step) && step < steps;
      return isEvaluated ? run.evaluateAt(step / stepsPerPass) : null;
    });
    await checkpoints.save(totals, accuracy);
  }
  return checkpoints.end(totals);
}

/** Training by GRPO. */
export interface GrpoPhase
  extends Readonly<
    Pick<
      z.output<typeof grpoSessionSchema>,
      'saveInterval' | 'evalInterval' | 'traceGroups' | 'traceInterval'
    >
  > {
  readonly trainer: Resumable & {
    step(): Promise<GrpoMetrics>;
    samples(): readonly SampleRow[];
    trace(groups: number): StepTrace | undefined;
  };
  readonly steps: number;
  /** Returns the figures of the work on other machines since the last call, if there is such work. */
  readonly figures?: (() => ClusterFigures | undefined) | undefined;
}

/**
 * Train by GRPO. Saves `rl_model_step<N>` on the way, when interrupted and after the last step, and then the weights alone
 * as `rl_model_final`. Keeps traces as `trace/step<N>.safetensors`, and samples of what was learnt from as `samples_step<N>.jsonl` at every evaluation and at the
 * end. Warns of what goes wrong.
 */
export async function grpoPhase(
  run: TrainingRun,
  { trainer, steps, saveInterval, evalInterval, traceGroups, traceInterval, figures }: GrpoPhase,
): Promise<PhaseResult> {
  const phase = 'grpo';
  const warnings = new Warnings();
  const checkpoints = new PhaseCheckpoints(run, phase, trainer, {
    nameOf: (step) => (step === 0 ? START_NAMES.grpo : `rl_model_step${step}`),
    isTemporary: (step) => step === 0,
    isDue: (step) => step === steps || isDue(step, saveInterval, steps),
  });
  const isTraced = (step: number): boolean =>
    traceGroups > 0 && (step === 1 || step === steps || isDue(step, traceInterval, steps));
  const from = await checkpoints.begin();
  let totals: Totals = from;
  const tokens = ({ num_tokens: count = 0 }: GrpoMetrics): number => count;
  for await (const { metrics, totals: now } of stepsOf(run, { phase, trainer, steps, from, tokens })) {
    totals = now;
    const { steps: step } = now;
    const accuracy = await logged(run, phase, now, { metrics, cluster: figures?.() }, async () => {
      for (const { problem, fix } of warnings.check(step, metrics)) {
        await run.emit({ type: 'warning', step, problem, fix });
      }
      if (isTraced(step)) await keepTrace(run, trainer.trace(traceGroups));
      if (!isDue(step, evalInterval, steps)) return null;
      await keepSamples(run, trainer.samples(), step);
      return run.evaluateAt(step);
    });
    await checkpoints.save(totals, accuracy);
  }
  if (totals.steps > from.steps) await keepSamples(run, trainer.samples(), totals.steps);
  const result = await checkpoints.end(totals);
  return totals.steps < steps ? result : { ...result, checkpoint: await run.saveWeights('rl_model_final') };
}

/** Figures of a step for its row. */
interface Logged {
  readonly metrics: Readonly<Record<string, number>>;
  /** The work on other machines, if there is any. */
  readonly cluster?: ClusterFigures | undefined;
}

/** Evaluate where it is due, and log the row; a step that was taken is logged even if evaluating fails. */
async function logged(
  run: TrainingRun,
  phase: PhaseName,
  { steps: step }: Totals,
  { metrics, cluster }: Logged,
  evaluate: () => Promise<number | null>,
): Promise<number | null> {
  let accuracy: number | null = null;
  try {
    accuracy = await evaluate();
  } finally {
    const row = { ...metrics, ...(cluster && workerMetrics(cluster)), eval_accuracy: accuracy };
    await run.log({ phase, step, ...row }, cluster && workerRows(step, cluster));
  }
  return accuracy;
}

/** Keep the trace of a step in the run, if there is one. */
async function keepTrace(run: TrainingRun, trace: StepTrace | undefined): Promise<void> {
  if (!trace) return;
  await run.store.writeBytes(traceFile(trace.step), writeTrace(trace));
  await run.emit({ type: 'trace', trace });
}

/** Keep samples of a step in the run. */
async function keepSamples(run: TrainingRun, samples: readonly SampleRow[], step: number): Promise<void> {
  if (samples.length === 0) return;
  await run.store.writeLines(
    `samples_step${step}.jsonl`,
    samples.map((sample) => ({ step, ...sample })),
  );
  await run.emit({ type: 'samples', step, rows: samples });
}
