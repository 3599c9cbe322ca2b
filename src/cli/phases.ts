/** The two kinds of training: what is saved and evaluated when, and under which names. */
import type { GrpoMetrics } from '../grpo/metrics.ts';
import type { SampleRow } from '../grpo/samples.ts';
import { Warnings } from '../grpo/warnings.ts';
import type { TrainingState } from '../model/trainingState.ts';
import type { PretrainMetrics } from '../pretrain/trainer.ts';
import { accuracyOf } from '../training/accuracy.ts';
import { type PhaseName, type PhaseResult, START_NAMES, type Totals } from '../training/sessionState.ts';
import { accuracyText } from './accuracy.ts';
import { samplesTable } from './samplesTable.ts';
import { trainingLoop } from './trainingLoop.ts';
import type { Workbench } from './workbench.ts';

/** The metrics of GRPO that are shown beside the progress. */
const SHOWN = ['loss', 'reward', 'kl'] as const;

/** What can be stopped, and gone on with. */
interface Resumable {
  state(): Promise<TrainingState>;
  restore(state: TrainingState): void;
}

export interface PretrainPhase {
  readonly trainer: Resumable & { readonly totalSteps: number; step(): Promise<PretrainMetrics> };
  /** Optimiser steps in a pass over the examples. */
  readonly stepsPerPass: number;
  /** Whether to evaluate after every pass. */
  readonly stepEval: boolean;
  /** Optimiser steps between checkpoints within a pass; 0 for none. */
  readonly saveInterval: number;
}

/**
 * Supervised training. Saves `model_step<N>` after pass N; within a pass, and when interrupted, `model_update<N>` after
 * optimiser step N, which stays until the next checkpoint.
 */
export async function pretrainPhase(
  bench: Workbench,
  { trainer, stepsPerPass, stepEval, saveInterval }: PretrainPhase,
): Promise<PhaseResult> {
  const isPass = (step: number): boolean => step > 0 && step % stepsPerPass === 0;
  const checkpoints = new PhaseCheckpoints(bench, 'pretrain', trainer, {
    nameOf: (step) => {
      if (step === 0) return START_NAMES.pretrain;
      return isPass(step) ? `model_step${step / stepsPerPass}` : `model_update${step}`;
    },
    isTemporary: (step) => !isPass(step),
    isDue: (step) => isPass(step) || isDue(step, saveInterval, trainer.totalSteps),
  });
  const totals = await trainingLoop<PretrainMetrics>(bench, {
    phase: 'pretrain',
    trainer,
    steps: trainer.totalSteps,
    from: await checkpoints.begin(),
    shown: ({ loss, lr }) => ({ loss, lr }),
    tokens: (metrics) => metrics.tokens,
    // The final evaluation follows the last pass anyway.
    evaluate: async (step) =>
      stepEval && isPass(step) && step < trainer.totalSteps
        ? periodicEvaluation(bench, step / stepsPerPass)
        : null,
    save: (done, accuracy) => checkpoints.save(done, accuracy),
  });
  return checkpoints.end(totals);
}

export interface GrpoPhase {
  readonly trainer: Resumable & { step(): Promise<GrpoMetrics>; samples(): readonly SampleRow[] };
  readonly steps: number;
  /** Steps between checkpoints; 0 saves the last one only. */
  readonly saveInterval: number;
  /** Steps between evaluations; 0 for none on the way. */
  readonly evalInterval: number;
}

/**
 * GRPO. Saves `rl_model_step<N>` on the way, when interrupted and after the last step, and then the weights alone as
 * `rl_model_final`; shows samples of what was learnt from at every evaluation and at the end, and keeps them as
 * `samples_step<N>.jsonl`; warns of what goes wrong.
 */
export async function grpoPhase(
  bench: Workbench,
  { trainer, steps, saveInterval, evalInterval }: GrpoPhase,
): Promise<PhaseResult> {
  const warnings = new Warnings();
  const checkpoints = new PhaseCheckpoints(bench, 'grpo', trainer, {
    nameOf: (step) => (step === 0 ? START_NAMES.grpo : `rl_model_step${step}`),
    isTemporary: (step) => step === 0,
    isDue: (step) => step === steps || isDue(step, saveInterval, steps),
  });
  const from = await checkpoints.begin();
  const totals = await trainingLoop<GrpoMetrics>(bench, {
    phase: 'grpo',
    trainer,
    steps,
    from,
    shown: (metrics) =>
      Object.fromEntries(
        // What was not measured, such as the KL without a reference, is not shown.
        SHOWN.map((name) => [name, metrics[name] ?? Number.NaN] as const).filter(
          ([, value]) => !Number.isNaN(value),
        ),
      ),
    tokens: ({ num_tokens: tokens = 0 }) => tokens,
    evaluate: async (step, metrics) => {
      for (const { problem, fix } of warnings.check(step, metrics)) {
        bench.reporter.line(`warning: step ${step}: ${problem} — ${bench.advice(fix)}`);
      }
      if (!isDue(step, evalInterval, steps)) return null;
      showSamples(bench, trainer.samples(), step);
      return periodicEvaluation(bench, step);
    },
    save: (done, accuracy) => checkpoints.save(done, accuracy),
  });
  if (totals.steps > from.steps) showSamples(bench, trainer.samples(), totals.steps);
  const result = await checkpoints.end(totals);
  return totals.steps < steps ? result : { ...result, checkpoint: await bench.saveWeights('rl_model_final') };
}

/** Whether something that happens every `interval` steps, and at the end anyway, happens after this one. */
function isDue(step: number, interval: number, steps: number): boolean {
  return interval > 0 && step % interval === 0 && step < steps;
}

interface Naming {
  readonly nameOf: (step: number) => string;
  /** Whether a checkpoint is there only until the next one is. */
  readonly isTemporary: (step: number) => boolean;
  readonly isDue: (step: number) => boolean;
}

/** When a phase is saved: at its beginning, where it is due, at a new best accuracy, and at its end. */
class PhaseCheckpoints {
  #path: string | null = null;
  #saved = -1;

  constructor(
    private readonly bench: Workbench,
    private readonly phase: PhaseName,
    private readonly trainer: Resumable,
    private readonly naming: Naming,
  ) {}

  /** Brings the trainer to where the run goes on, and returns what was done before; saves the start if it is one. */
  async begin(): Promise<Totals> {
    const { resumed, run } = this.bench;
    if (resumed?.session.phase === this.phase) {
      this.trainer.restore(resumed.state);
      this.#saved = resumed.step;
      this.#path = resumed.step > 0 ? run.checkpoints.path(resumed.name) : null;
      return resumed.session.totals;
    }
    const nothing = { steps: 0, tokens: 0, seconds: 0 };
    await this.#save(nothing);
    this.#path = null;
    return nothing;
  }

  async save(totals: Totals, accuracy: number | null): Promise<void> {
    const { checkpoints } = this.bench.run;
    const isBest = accuracy !== null && accuracy > (checkpoints.best?.accuracy ?? -1);
    if (isBest || this.naming.isDue(totals.steps)) await this.#save(totals, accuracy);
  }

  /** Saves what has not been, and sums up. */
  async end(totals: Totals): Promise<PhaseResult> {
    if (totals.steps > this.#saved) await this.#save(totals);
    const tokensPerSecond = totals.seconds > 0 ? totals.tokens / totals.seconds : 0;
    const result = { ...totals, tokensPerSecond, checkpoint: this.#path };
    if (!this.bench.stop.requested) this.bench.finished[this.phase] = result;
    return result;
  }

  async #save(totals: Totals, accuracy: number | null = null): Promise<void> {
    const { steps } = totals;
    const { nameOf, isTemporary } = this.naming;
    const temporary = isTemporary(steps);
    const milestone = { name: nameOf(steps), phase: this.phase, totals, temporary, accuracy };
    this.#path = await this.bench.save(milestone, await this.trainer.state());
    this.#saved = steps;
  }
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
