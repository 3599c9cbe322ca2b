/** The two kinds of training: what is saved and evaluated when, and under which names. */
import type { GrpoMetrics } from '../grpo/metrics.ts';
import type { SampleRow } from '../grpo/samples.ts';
import { Warnings } from '../grpo/warnings.ts';
import type { PretrainMetrics } from '../pretrain/trainer.ts';
import { accuracyOf, accuracyText } from './accuracy.ts';
import { samplesTable } from './samplesTable.ts';
import { type LoopResult, trainingLoop } from './trainingLoop.ts';
import type { Workbench } from './workbench.ts';

export interface PhaseResult extends LoopResult {
  /** The last checkpoint saved; null if a stop came before the first step. */
  readonly checkpoint: string | null;
}

export interface PretrainPhase {
  readonly trainer: { readonly totalSteps: number; step(): Promise<PretrainMetrics> };
  /** Optimiser steps in a pass over the examples. */
  readonly stepsPerPass: number;
  /** Whether to evaluate after every pass. */
  readonly stepEval: boolean;
}

/** Supervised training. Saves `model_step<N>` after pass N, or `model_interrupted` in the middle of one. */
export async function pretrainPhase(
  bench: Workbench,
  { trainer, stepsPerPass, stepEval }: PretrainPhase,
): Promise<PhaseResult> {
  const saved = new LastCheckpoint(bench);
  const result = await trainingLoop<PretrainMetrics>(bench, {
    phase: 'pretrain',
    trainer,
    steps: trainer.totalSteps,
    shown: ({ loss, lr }) => ({ loss, lr }),
    tokens: (metrics) => metrics.tokens,
    afterStep: async (step) => {
      if (step % stepsPerPass !== 0) return null;
      const pass = step / stepsPerPass;
      await saved.save(`model_step${pass}`, step);
      // The final evaluation follows the last pass anyway.
      return stepEval && step < trainer.totalSteps ? periodicEvaluation(bench, pass) : null;
    },
  });
  if (result.steps > saved.step) await saved.save('model_interrupted', result.steps);
  return { ...result, checkpoint: saved.path };
}

export interface GrpoPhase {
  readonly trainer: { step(): Promise<GrpoMetrics>; samples(): readonly SampleRow[] };
  readonly steps: number;
  /** Steps between checkpoints; 0 saves the last one only. */
  readonly saveInterval: number;
  /** Steps between evaluations; 0 for none on the way. */
  readonly evalInterval: number;
}

/**
 * GRPO. Saves `rl_model_step<N>` on the way or when interrupted, and `rl_model_final` at the end; shows samples of what
 * was learnt from at every evaluation and at the end, and keeps them as `samples_step<N>.jsonl`; warns of what goes wrong.
 */
export async function grpoPhase(
  bench: Workbench,
  { trainer, steps, saveInterval, evalInterval }: GrpoPhase,
): Promise<PhaseResult> {
  const saved = new LastCheckpoint(bench);
  const warnings = new Warnings();
  const isDue = (step: number, interval: number): boolean =>
    interval > 0 && step % interval === 0 && step < steps;
  const result = await trainingLoop<GrpoMetrics>(bench, {
    phase: 'grpo',
    trainer,
    steps,
    shown: ({ loss = Number.NaN, reward = Number.NaN, kl = Number.NaN }) => ({ loss, reward, kl }),
    tokens: ({ num_tokens: tokens = 0 }) => tokens,
    afterStep: async (step, metrics) => {
      for (const { problem, fix } of warnings.check(step, metrics)) {
        bench.reporter.line(`warning: step ${step}: ${problem} — ${fix}`);
      }
      if (isDue(step, saveInterval)) await saved.save(`rl_model_step${step}`, step);
      if (!isDue(step, evalInterval)) return null;
      showSamples(bench, trainer.samples(), step);
      return periodicEvaluation(bench, step);
    },
  });
  if (result.steps > 0) showSamples(bench, trainer.samples(), result.steps);
  if (result.steps === steps) await saved.save('rl_model_final', steps);
  else if (result.steps > saved.step) await saved.save(`rl_model_step${result.steps}`, result.steps);
  return { ...result, checkpoint: saved.path };
}

/** Prints the samples and keeps them in the run. */
function showSamples({ reporter, run }: Workbench, rows: readonly SampleRow[], step: number): void {
  if (rows.length === 0) return;
  run.writeLines(
    `samples_step${step}.jsonl`,
    rows.map((row) => ({ step, ...row })),
  );
  reporter.note(`Samples of step ${step}:`);
  for (const line of samplesTable(rows)) reporter.note(line);
}

async function periodicEvaluation(bench: Workbench, step: number): Promise<number | null> {
  const correct = await bench.evaluate();
  if (correct === null) return null;
  const accuracy = accuracyOf(correct);
  bench.reporter.note(`Step ${step} Eval: ${accuracyText(accuracy)}`);
  return accuracy.accuracy;
}

class LastCheckpoint {
  path: string | null = null;
  step = 0;

  constructor(private readonly bench: Workbench) {}

  async save(name: string, step: number): Promise<void> {
    this.path = await this.bench.save(name);
    this.step = step;
  }
}
