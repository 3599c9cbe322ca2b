/** A session of GRPO on a model. */
import type { z } from 'zod';
import { parseOptions } from '../base/options.ts';
import { checkTopK, type GrpoOptions } from '../grpo/options.ts';
import type { Reward } from '../grpo/reward.ts';
import { GrpoTrainer } from '../grpo/trainer.ts';
import { grpoSessionSchema } from './options.ts';
import { type GrpoPhase, grpoPhase } from './phases.ts';
import { withRecovery } from './recovery.ts';
import { openSession, problemsFor, type SessionContext, type SessionOptions } from './session.ts';
import { type PhaseResult, START_NAMES } from './sessionState.ts';
import type { Summary } from './summary.ts';
import type { TrainedSettings } from './trainedSettings.ts';
import type { TrainingRun } from './trainingRun.ts';

/** A sequence is never split, so smaller micro-batches than this many tokens do not help. */
const LEAST_MICRO_BATCH = 64;

/** Options of a session of GRPO. */
export interface TrainGrpoOptions extends SessionOptions, Readonly<z.input<typeof grpoSessionSchema>> {
  /** The trainer's options, as `grpoOptions` returns them. */
  readonly grpo: GrpoOptions;
  /** Default: `correctness` alone. */
  readonly rewards?: readonly Reward[] | undefined;
}

/**
 * Evaluate a model, improve it by GRPO, and evaluate it again; all of it is kept in the store. Resumes the run that the
 * store holds, if any.
 * @throws MathformerError; then the run can be resumed from its last checkpoint.
 */
export async function trainGrpo(options: TrainGrpoOptions, context: SessionContext): Promise<Summary> {
  const { task, rewards, loadedFrom, taskSettings = { task: task.name } } = options;
  const session = parseOptions(grpoSessionSchema, options);
  const { evalSize, autoMicroBatch } = session;
  let grpo = options.grpo;
  checkTopK(grpo.topK, task.tokenizer.vocabSize);
  const problems = await problemsFor(context.store, { task, evalSize });
  const startedAt = context.startedAt ?? performance.now();
  const lower = (): number | undefined => {
    if (!autoMicroBatch || grpo.microBatchTokens <= LEAST_MICRO_BATCH) return undefined;
    const microBatchTokens = Math.max(LEAST_MICRO_BATCH, Math.floor(grpo.microBatchTokens / 2));
    grpo = { ...grpo, microBatchTokens };
    return microBatchTokens;
  };
  const checkpoint = loadedFrom ?? START_NAMES.grpo;
  const recorded = options.recorded ?? { checkpoint, ...grpo, ...session, ...taskSettings };
  return withRecovery({ on: context.on, lower }, async (attempt) => {
    const { microBatchTokens, maxNewTokens, seed, steps } = grpo;
    const plan = {
      ...({ ...options, kind: 'grpo', problems, evalSize, startedAt, maxNewTokens, seed } as const),
      recorded: { ...recorded, microBatchTokens },
      derived: derivedOptions(grpo),
      settings: { ...taskSettings, ...samplingSettings(grpo) },
      staleness: grpo.staleness,
    };
    await using opened = await openSession(plan, context, attempt);
    const { run, model, sampler, samplerOf, figures } = opened;
    const baseline = await run.judge('baseline');
    const parts = { task, sampler, samplerOf, ...(rewards && { rewards }) };
    const trainer = new GrpoTrainer(model, grpo, parts);
    const improved = await improve(run, { ...session, trainer, steps, figures });
    const final = await run.judge('final');
    return await opened.finish({ baseline, final, phases: { grpo: improved } });
  });
}

/** Run the phase, and free its trainer. */
export async function improve(
  run: TrainingRun,
  phase: GrpoPhase & { readonly trainer: GrpoTrainer },
): Promise<PhaseResult> {
  try {
    return await grpoPhase(run, phase);
  } finally {
    phase.trainer.dispose();
  }
}

/** Values of options that depend on the loss where they were not given. */
export function derivedOptions({ clipRatio, clipRatioHigh }: GrpoOptions): object {
  return { clipRatio, clipRatioHigh };
}

/** The settings of sampling, for the metadata of checkpoints. */
export function samplingSettings({ temperature, topK, topP, minP }: GrpoOptions): TrainedSettings {
  return { temperature, topK, topP, minP };
}
