/** A session of supervised training. */
import type { z } from 'zod';
import { parseOptions } from '../base/options.ts';
import type { PretrainOptions } from '../pretrain/options.ts';
import { SupervisedTrainer } from '../pretrain/trainer.ts';
import { pretrainSessionSchema } from './options.ts';
import { type PretrainPhase, pretrainPhase } from './phases.ts';
import { withRecovery } from './recovery.ts';
import { openSession, problemsFor, type SessionContext, type SessionOptions } from './session.ts';
import type { PhaseResult } from './sessionState.ts';
import type { Summary } from './summary.ts';
import type { TrainingRun } from './trainingRun.ts';

/** Longest answer in evaluations after pretraining, as GRPO's default is. */
const MAX_GEN_LEN = 256;

/** Options of a session of supervised training. */
export interface TrainSupervisedOptions
  extends SessionOptions,
    Readonly<z.input<typeof pretrainSessionSchema>> {
  /** The trainer's options, as `pretrainOptions` returns them. */
  readonly pretrain: PretrainOptions;
}

/**
 * Train a model on worked problems, and evaluate it; all of it is kept in the store. A model that was loaded is evaluated
 * first, too. Resumes the run that the store holds, if any.
 * @throws MathformerError; then the run can be resumed from its last checkpoint.
 */
export async function pretrain(options: TrainSupervisedOptions, context: SessionContext): Promise<Summary> {
  const { task, pretrain, loadedFrom, taskSettings: settings = { task: task.name } } = options;
  const session = parseOptions(pretrainSessionSchema, options);
  const { saveInterval, stepEval, evalSize } = session;
  const problems = await problemsFor(context.store, { task, evalSize });
  const startedAt = context.startedAt ?? performance.now();
  const from = loadedFrom === undefined ? {} : { checkpoint: loadedFrom };
  const recorded = options.recorded ?? { ...from, ...pretrain, ...session, ...settings };
  const plan = {
    ...({ ...options, kind: 'pretrain', problems, evalSize, startedAt, maxNewTokens: MAX_GEN_LEN } as const),
    ...{ seed: pretrain.seed, recorded, settings },
  };
  return withRecovery(context, async (attempt) => {
    await using opened = await openSession(plan, context, attempt);
    const { run, model } = opened;
    // Random weights know nothing, which no evaluation has to find.
    const baseline = loadedFrom === undefined ? null : await run.judge('baseline');
    const newTrainer = () => new SupervisedTrainer(model, pretrain, { task });
    const trained = await trainOnExamples(run, newTrainer, { stepEval, saveInterval });
    const final = await run.judge('final');
    return await opened.finish({ baseline, final, phases: { pretrain: trained } });
  });
}

/** Run the phase with a new trainer, and free it; a run that is resumed behind the phase needs none. */
export async function trainOnExamples(
  run: TrainingRun,
  newTrainer: () => SupervisedTrainer,
  options: Pick<PretrainPhase, 'stepEval' | 'saveInterval'>,
): Promise<PhaseResult> {
  const earlier = run.resumed?.session.finished.pretrain;
  if (earlier) return earlier;
  const trainer = newTrainer();
  const { stepsPerPass } = trainer;
  try {
    return await pretrainPhase(run, { trainer, stepsPerPass, ...options });
  } finally {
    trainer.dispose();
  }
}
