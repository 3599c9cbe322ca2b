/** Resuming a run with the options that it was begun with. */
import { MathformerError } from '../base/errors.ts';
import { grpoOptions, grpoSchema } from '../grpo/options.ts';
import type { Reward } from '../grpo/reward.ts';
import { pretrainOptions, pretrainSchema } from '../pretrain/options.ts';
import { trainGrpo } from './grpo.ts';
import { pipeline } from './pipeline.ts';
import { pretrain } from './pretrain.ts';
import type { SessionContext, SessionOptions } from './session.ts';
import type { Summary } from './summary.ts';

/** Parts of a run that its config cannot hold, and options that replace those of its config. */
export interface ResumeOptions extends Pick<SessionOptions, 'task' | 'model' | 'taskSettings'> {
  /** The task of the supervised part of a pipeline, if that is another one. */
  readonly pretrainTask?: SessionOptions['task'];
  /** `correctness` alone unless given. */
  readonly rewards?: readonly Reward[];
  /** Steps in all instead of what the run has: in pretraining passes, in a pipeline those of GRPO. */
  readonly steps?: number;
}

/**
 * Resume the run that a store holds, finished or not, from its last checkpoint.
 * @throws MathformerError if the store holds none.
 */
export async function resume(
  { task, pretrainTask, model, rewards, taskSettings, steps }: ResumeOptions,
  context: SessionContext,
): Promise<Summary> {
  const config = await context.store.config();
  if (!config) throw noRun(context.store.path(''));
  const more = steps === undefined ? {} : { steps };
  const { options: recorded } = config;
  const number = (key: string): number | undefined =>
    typeof recorded[key] === 'number' ? recorded[key] : undefined;
  const loadedFrom = typeof config.checkpoint === 'string' ? config.checkpoint : undefined;
  const shared = { task, model, taskSettings, loadedFrom, keepLast: number('keepLast') };
  const own = { evalSize: number('evalSize'), saveInterval: number('saveInterval') };
  switch (config.kind) {
    case 'pretrain': {
      const options = { ...recorded, ...more };
      const session = { ...shared, ...own, recorded: options, stepEval: recorded.stepEval === true };
      return pretrain({ ...session, pretrain: pretrainOptions(partOf(pretrainSchema, options)) }, context);
    }
    case 'grpo': {
      const options = { ...recorded, ...more };
      const session = { ...shared, ...own, recorded: options, evalInterval: number('evalInterval') };
      const autoMicroBatch = recorded.autoMicroBatch === true;
      const grpo = grpoOptions(partOf(grpoSchema, options));
      return trainGrpo({ ...session, autoMicroBatch, rewards, grpo }, context);
    }
    case 'pipeline': {
      const { seed } = recorded;
      const parts = { pretrain: objectIn(recorded.pretrain), grpo: { ...objectIn(recorded.grpo), ...more } };
      return pipeline(
        {
          ...{ ...shared, pretrainTask, recorded: { ...recorded, ...parts } },
          evalSize: evaluatedProblems(config.evaluation),
          pretrain: pretrainOptions(partOf(pretrainSchema, { ...parts.pretrain, seed })),
          grpo: grpoOptions(partOf(grpoSchema, { ...parts.grpo, seed })),
        },
        context,
      );
    }
    default:
      return config.kind satisfies never;
  }
}

/** Take the options of a schema. */
function partOf(
  { shape }: { readonly shape: object },
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => Object.hasOwn(shape, key)));
}

const objectIn = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});

/** Read how many problems the run was evaluated on. */
function evaluatedProblems(evaluation: unknown): number | undefined {
  const { problems } = { problems: undefined, ...objectIn(evaluation) };
  return typeof problems === 'number' ? problems : undefined;
}

function noRun(where: string): MathformerError {
  const fix = 'begin a run, or give the store of one';
  return new MathformerError('there is no run to resume', { code: 'NO_RUN', where, fix });
}
