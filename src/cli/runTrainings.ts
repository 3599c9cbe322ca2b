/** The three trainings of the command line: flags in, a session of src/training, words out. */
import type { z } from 'zod';
import { parseOptions, pick } from '../base/options.ts';
import { checkTopK, grpoOptions, grpoSchema } from '../grpo/options.ts';
import { pretrainOptions, pretrainSchema } from '../pretrain/options.ts';
import { optionFields, type TaskUse } from '../tasks/definition.ts';
import { trainGrpo } from '../training/grpo.ts';
import { grpoSessionSchema } from '../training/options.ts';
import { pipeline } from '../training/pipeline.ts';
import { pretrain } from '../training/pretrain.ts';
import type { TrainedSettings } from '../training/trainedSettings.ts';
import { adviceFor } from './advice.ts';
import type { EarlierRun } from './earlierRun.ts';
import type { GivenSections } from './flags/configFile.ts';
import { flagsOf } from './flags/flags.ts';
import { loadModel, type modelSchema, newModel } from './flags/modelFlags.ts';
import { withAbsolutePaths } from './flags/optionPaths.ts';
import { rewardsOf } from './flags/rewardFlag.ts';
import { type TaskWithOptions, taskOf } from './flags/taskFlag.ts';
import { grpoFlags, pipelineFlags, pipelineSections, pretrainFlags } from './flags/trainingFlags.ts';
import { withoutWorkers } from './flags/workersFlags.ts';
import { PIPELINE, PIPELINE_TASK } from './pipeline.ts';
import { trainingSession } from './trainingSession.ts';

const SMALLER_MODEL = 'take a smaller --modelsize';

/**
 * Pretrain a tiny model, evaluate it, improve it with GRPO, and evaluate it again on the same problems.
 * @param sections changes to the pipeline's settings.
 */
export async function runPipeline(
  flags: z.output<typeof pipelineFlags>,
  sections: GivenSections = {},
  earlier?: EarlierRun,
): Promise<void> {
  const { seed, keepLast, traceGroups, traceInterval } = flags;
  const settings = {
    pretrain: parseOptions(pipelineSections.pretrain, { ...PIPELINE.pretrain, ...sections.pretrain }),
    grpo: parseOptions(pipelineSections.grpo, { ...PIPELINE.grpo, ...sections.grpo }),
  };
  const options = {
    pretrain: pretrainOptions({ ...pick(pretrainSchema, settings.pretrain), seed }),
    grpo: grpoOptions({ ...pick(grpoSchema, settings.grpo), seed }),
  };
  const definition = PIPELINE_TASK;
  const optionsOf = (given: Readonly<Record<string, unknown>>, use: TaskUse) => ({
    definition,
    options: pick({ shape: optionFields(definition, use) }, given),
  });
  const chosen = optionsOf(settings.grpo, 'other');
  const task = await taskOf(chosen);
  const pretrainTask = await taskOf(optionsOf(settings.pretrain, 'pretraining'));
  checkTopK(options.grpo.topK, task.tokenizer.vocabSize);
  const command = {
    ...({ kind: 'pipeline', flags, earlier, advice: adviceOf(earlier, pipelineFlags) } as const),
    sharing: { workers: flags, staleness: options.grpo.staleness },
    memory: {
      fix: 'lower batchSize, groupSize or grpo.microBatchTokens in a --config',
      generationFix: 'lower grpo.maxNewTokens in a --config',
    },
  };
  await trainingSession(command, (context) =>
    pipeline(
      {
        ...{ ...options, task, pretrainTask, keepLast, traceGroups, traceInterval },
        evalSize: PIPELINE.evalSize,
        model: () => newModel({ modelsize: PIPELINE.modelsize }, seed, task),
        recorded: recordedOptions({ ...flags, ...settings }),
        taskSettings: { task: task.name, ...problemOptions(chosen) },
      },
      context,
    ),
  );
}

/** Train a new model, or one from a checkpoint, on worked problems. */
export async function runPretraining(
  flags: z.output<typeof pretrainFlags>,
  chosen: TaskWithOptions,
  earlier?: EarlierRun,
  notes: readonly string[] = [],
): Promise<void> {
  const options = pretrainOptions(pick(pretrainSchema, flags));
  const { checkpoint, seed, evalSize, keepLast, saveInterval, stepEval } = flags;
  const task = await taskOf(chosen);
  const modelFlags = pickModel(flags);
  const { batchSize } = options;
  const smallerBatch = batchSize > 1 ? `lower --batch_size (now ${batchSize}), or ` : '';
  const command = {
    ...({ kind: 'pretrain', flags, earlier, notes, csv: flags.logCsv } as const),
    advice: adviceOf(earlier, pretrainFlags),
    memory: { fix: `${smallerBatch}${SMALLER_MODEL}`, generationFix: SMALLER_MODEL },
  };
  await trainingSession(command, (context) =>
    pretrain(
      {
        ...{ pretrain: options, task, evalSize, keepLast, saveInterval, stepEval },
        model: () =>
          checkpoint === undefined
            ? newModel(modelFlags, seed, task)
            : loadModel(checkpoint, modelFlags, task),
        loadedFrom: checkpoint,
        recorded: recordedOptions({ ...flags, ...chosen.options }),
        taskSettings: { task: withAbsolutePaths(flags).task, ...problemOptions(chosen) },
      },
      context,
    ),
  );
}

/** Improve the model of a checkpoint with GRPO. */
export async function runGrpo(
  flags: z.output<typeof grpoFlags>,
  chosen: TaskWithOptions,
  earlier?: EarlierRun,
  notes: readonly string[] = [],
): Promise<void> {
  const grpo = grpoOptions(pick(grpoSchema, flags));
  const { checkpoint, keepLast } = flags;
  const task = await taskOf(chosen);
  checkTopK(grpo.topK, task.tokenizer.vocabSize);
  const rewards = await rewardsOf(flags.reward, task);
  const { microBatchTokens, batchSize, maxNewTokens } = grpo;
  const command = {
    ...({ kind: 'grpo', flags, earlier, notes, csv: flags.logCsv } as const),
    advice: adviceOf(earlier, grpoFlags),
    sharing: { workers: flags, staleness: grpo.staleness },
    memory: {
      fix:
        `lower --micro_batch_tokens (now ${microBatchTokens}) or give --auto_micro_batch; if that does not do, lower ` +
        `--batch_size (now ${batchSize}), --group_size or --max_gen_len`,
      generationFix: `lower --max_gen_len (now ${maxNewTokens})`,
    },
  };
  await trainingSession(command, (context) =>
    trainGrpo(
      {
        ...pick(grpoSessionSchema, flags),
        ...{ grpo, task, rewards, keepLast },
        model: () => loadModel(checkpoint, pickModel(flags), task),
        loadedFrom: checkpoint,
        recorded: recordedOptions({ ...flags, ...chosen.options }),
        taskSettings: { task: withAbsolutePaths(flags).task, ...problemOptions(chosen) },
      },
      context,
    ),
  );
}

/** Word advice in the flags of the command at hand. */
function adviceOf(earlier: EarlierRun | undefined, schema: z.ZodObject) {
  return (text: string): string => adviceFor(text, earlier?.flags ?? flagsOf(schema));
}

/** Options for config.json; every session has to be trusted anew, and has a dashboard or none. */
function recordedOptions(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { trust: _, dashboard: __, ...recorded } = withAbsolutePaths(flags);
  return withoutWorkers(recorded);
}

/** Return the options of the problems, for the metadata of checkpoints; those of worked examples are left out. */
function problemOptions({ definition, options }: TaskWithOptions): TrainedSettings {
  return pick({ shape: definition.options }, options);
}

function pickModel({ modelsize, shape, numExperts, activeExperts }: z.output<typeof modelSchema>) {
  return { modelsize, shape, numExperts, activeExperts };
}
