/** A session of the whole pipeline: supervised training, and then GRPO. */
import type { z } from 'zod';
import { parseOptions } from '../base/options.ts';
import { checkTopK, type GrpoOptions } from '../grpo/options.ts';
import { GrpoTrainer } from '../grpo/trainer.ts';
import type { PretrainOptions } from '../pretrain/options.ts';
import { SupervisedTrainer } from '../pretrain/trainer.ts';
import type { Task } from '../tasks/task.ts';
import { derivedOptions, improve, samplingSettings } from './grpo.ts';
import { grpoSessionSchema } from './options.ts';
import { trainOnExamples } from './pretrain.ts';
import { withRecovery } from './recovery.ts';
import {
  checkTrainable,
  openSession,
  problemsFor,
  type SessionContext,
  type SessionOptions,
} from './session.ts';
import type { Summary } from './summary.ts';

/** Optimiser steps between checkpoints in pretraining, and steps between those in GRPO, which take longer. */
const SAVE_INTERVALS = { pretrain: 1000, grpo: 30 };

/** Options of the pipeline. */
export interface PipelineOptions
  extends SessionOptions,
    Readonly<Partial<Pick<z.output<typeof grpoSessionSchema>, 'traceGroups' | 'traceInterval'>>> {
  readonly pretrain: PretrainOptions;
  /** The task of the supervised part, if its examples are made otherwise than those of `task`. */
  readonly pretrainTask?: Task | undefined;
  /** `seed` and `maxNewTokens` are those of the whole session. */
  readonly grpo: GrpoOptions;
}

/**
 * Train a model on worked problems, evaluate it, improve it by GRPO, and evaluate it again on the same problems; all of it
 * is kept in the store. Resumes the run that the store holds, if any.
 * @throws MathformerError; then the run can be resumed from its last checkpoint.
 */
export async function pipeline(options: PipelineOptions, context: SessionContext): Promise<Summary> {
  const { task, pretrainTask = task, pretrain, grpo } = options;
  const { seed, maxNewTokens, steps } = grpo;
  checkTopK(grpo.topK, task.tokenizer.vocabSize);
  const { evalSize, traceGroups, traceInterval } = parseOptions(grpoSessionSchema, options);
  const traces = { traceGroups, traceInterval };
  checkTrainable(pretrainTask);
  const problems = await problemsFor(context.store, { task, evalSize });
  const startedAt = context.startedAt ?? performance.now();
  const plan = {
    ...({ ...options, kind: 'pipeline', problems, evalSize, startedAt, maxNewTokens, seed } as const),
    recorded: options.recorded ?? {
      ...{ seed, ...traces, pretrain: withoutSeed(pretrain), grpo: withoutSeed(grpo) },
    },
    derived: { grpo: derivedOptions(grpo) },
    staleness: grpo.staleness,
    settings: { ...(options.taskSettings ?? { task: task.name }), ...samplingSettings(grpo) },
  };
  return withRecovery(context, async (attempt) => {
    await using session = await openSession(plan, context, attempt);
    const { run, model, sampler, samplerOf, figures } = session;
    const newTrainer = () => new SupervisedTrainer(model, pretrain, { task: pretrainTask });
    const saves = { stepEval: false, saveInterval: SAVE_INTERVALS.pretrain };
    const pretrained = await trainOnExamples(run, newTrainer, saves);
    const baseline = await run.judge('baseline');
    if (baseline === null) {
      return await session.finish({ baseline, final: null, phases: { pretrain: pretrained } });
    }
    const trainer = new GrpoTrainer(model, grpo, { task, sampler, samplerOf });
    const intervals = { saveInterval: SAVE_INTERVALS.grpo, evalInterval: 0, ...traces };
    const improved = await improve(run, { trainer, steps, figures, ...intervals });
    const final = await run.judge('final');
    return await session.finish({ baseline, final, phases: { pretrain: pretrained, grpo: improved } });
  });
}

const withoutSeed = ({ seed: _, ...options }: PretrainOptions | GrpoOptions): object => options;
