/** Resuming a run with the options that it was begun with. */
import { isObject } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { pick } from '../base/options.ts';
import { grpoOptions, grpoSchema } from '../grpo/options.ts';
import type { Reward } from '../grpo/reward.ts';
import { pretrainOptions, pretrainSchema } from '../pretrain/options.ts';
import { BUILT_IN_TASKS } from '../tasks/builtIn.ts';
import { madeTask, optionFields, type TaskDefinition, type TaskUse } from '../tasks/definition.ts';
import type { Task } from '../tasks/task.ts';
import { trainGrpo } from './grpo.ts';
import { grpoSessionSchema, keepLastField, pretrainSessionSchema, traceFields } from './options.ts';
import { pipeline } from './pipeline.ts';
import { pretrain } from './pretrain.ts';
import type { RunConfig } from './runConfig.ts';
import type { SessionContext, SessionOptions } from './session.ts';
import type { Summary } from './summary.ts';
import type { TrainedSettings } from './trainedSettings.ts';

type Options = Readonly<Record<string, unknown>>;

/** The task of a pipeline whose config names none, as the command line's does. */
const PIPELINE_TASK = 'arithmetic';

/** Parts of a run that its config cannot hold, and options that replace those of its config. */
export interface ResumeOptions extends Pick<SessionOptions, 'model' | 'taskSettings'> {
  /** Default: the built-in task that the config names, with its options. */
  readonly task?: Task;
  /** The task of the supervised part of a pipeline. Default: as `task`. */
  readonly pretrainTask?: Task;
  /** Required if the config names others than `correctness`. */
  readonly rewards?: readonly Reward[];
  /** Steps in all instead of the number in the config: in pretraining passes, in a pipeline those of GRPO. */
  readonly steps?: number;
}

/**
 * Resume the run that a store holds, finished or not, from its last checkpoint.
 * @throws MathformerError if the store holds none, or if the config names a task or rewards that have to be given.
 */
export async function resume(given: ResumeOptions, context: SessionContext): Promise<Summary> {
  const config = await context.store.config();
  if (!config) throw noRun(context.store.path(''));
  return trainAs(config, given, context);
}

/** The part of a config that says how to train. */
export type Recipe = Pick<RunConfig, 'kind' | 'options'> & {
  /** The path of the model that the run begins with; null or undefined for a new model. */
  readonly checkpoint?: unknown;
  /** The number of held-out problems, as `problems`; a pipeline has no option for it. */
  readonly evaluation?: unknown;
};

/**
 * Train as a config says: begin a run in an empty store, or resume the one that the store holds.
 * @throws MathformerError if the config names a task or rewards that have to be given.
 */
export async function trainAs(
  config: Recipe,
  given: ResumeOptions,
  context: SessionContext,
): Promise<Summary> {
  const { model, rewards } = given;
  const more = given.steps === undefined ? {} : { steps: given.steps };
  const recorded: Options = { ...config.options, ...(config.kind === 'pipeline' ? {} : more) };
  const loadedFrom = typeof config.checkpoint === 'string' ? config.checkpoint : undefined;
  const taskSettings = given.taskSettings ?? settingsIn(recorded);
  const shared = { model, taskSettings, loadedFrom, recorded, ...pick({ shape: keepLastField }, recorded) };
  switch (config.kind) {
    case 'pretrain': {
      const task = given.task ?? (await recipeTask(config));
      const options = pretrainOptions(pick(pretrainSchema, recorded));
      const session = pick(pretrainSessionSchema, recorded);
      return pretrain({ ...shared, ...session, task, pretrain: options }, context);
    }
    case 'grpo': {
      checkRewards(given, recorded);
      const task = given.task ?? (await recipeTask(config));
      const grpo = grpoOptions(pick(grpoSchema, recorded));
      return trainGrpo({ ...shared, ...pick(grpoSessionSchema, recorded), task, rewards, grpo }, context);
    }
    case 'pipeline': {
      const { seed, task: name = PIPELINE_TASK } = recorded;
      const parts = { pretrain: objectIn(recorded.pretrain), grpo: { ...objectIn(recorded.grpo), ...more } };
      const task = given.task ?? (await recipeTask(config));
      const ownTask = given.task ?? (await builtInTask({ ...parts.pretrain, task: name }, 'pretraining'));
      return pipeline(
        {
          ...{ ...shared, recorded: { ...recorded, ...parts }, task },
          taskSettings: taskSettings && { ...taskSettings, ...settingsIn({ ...parts.grpo, task: name }) },
          pretrainTask: given.pretrainTask ?? ownTask,
          ...pick({ shape: traceFields }, recorded),
          evalSize: evaluatedProblems(config.evaluation),
          pretrain: pretrainOptions(pick(pretrainSchema, { ...parts.pretrain, seed })),
          grpo: grpoOptions(pick(grpoSchema, { ...parts.grpo, seed })),
        },
        context,
      );
    }
    default:
      return config.kind satisfies never;
  }
}

/** Make the task that a config names, as it is evaluated. @throws MathformerError if it is not built in. */
export async function recipeTask({ kind, options }: Recipe): Promise<Task> {
  if (kind !== 'pipeline') return builtInTask(options, kind === 'grpo' ? 'other' : 'pretraining');
  return builtInTask({ task: PIPELINE_TASK, ...options, ...objectIn(options.grpo) }, 'other');
}

/** Make the built-in task that options name. @throws MathformerError if they name none. */
async function builtInTask(options: Options, use: TaskUse): Promise<Task> {
  const definition = definitionIn(options);
  if (definition) return madeTask(definition, pick({ shape: optionFields(definition, use) }, options), use);
  throw missing('task', `the config names the task ${String(options.task)}, which is not built in`);
}

/** Take the settings of a built-in task for the metadata of checkpoints. */
function settingsIn(options: Options): TrainedSettings | undefined {
  const definition = definitionIn(options);
  return definition && { task: definition.name, ...pick({ shape: definition.options }, options) };
}

const definitionIn = ({ task }: Options): TaskDefinition | undefined =>
  typeof task === 'string' ? BUILT_IN_TASKS.get(task) : undefined;

/** @throws MathformerError if the rewards of the config are lacking. */
function checkRewards({ rewards }: ResumeOptions, { reward = 'correctness' }: Options): void {
  if (rewards || reward === 'correctness') return;
  throw missing('rewards', `the config names the rewards ${JSON.stringify(reward)}`);
}

function missing(option: 'task' | 'rewards', problem: string): MathformerError {
  const fix = `give the ${option} that the run was begun with as \`${option}\``;
  return new MathformerError(problem, { code: 'BAD_OPTION', where: 'resume', fix });
}

const objectIn = (value: unknown): Options => (isObject(value) ? value : {});

/** Read the number of problems that the run was evaluated on. */
function evaluatedProblems(evaluation: unknown): number | undefined {
  const { problems } = objectIn(evaluation);
  return typeof problems === 'number' ? problems : undefined;
}

function noRun(where: string): MathformerError {
  const fix = 'begin a run, or give the store of one';
  return new MathformerError('there is no run to resume', { code: 'NO_RUN', where, fix });
}
