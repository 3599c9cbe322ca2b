/** The three trainings of train.ts: the whole pipeline, supervised pretraining, and GRPO. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { parseOptions } from '../base/options.ts';
import { checkTopK, type GrpoOptions, grpoOptions, grpoSchema } from '../grpo/options.ts';
import { GrpoTrainer } from '../grpo/trainer.ts';
import { pretrainOptions, pretrainSchema } from '../pretrain/options.ts';
import { SupervisedTrainer } from '../pretrain/trainer.ts';
import { withFileErrors } from '../runs/fileError.ts';
import { arithmetic } from '../tasks/arithmetic/task.ts';
import { EVALUATION_FILE, heldOutOfRun } from '../training/heldOut.ts';
import type { PhaseResult } from '../training/sessionState.ts';
import type { TrainedSettings } from '../training/trainedSettings.ts';
import { adviceFor } from './advice.ts';
import { flagsOf, pick } from './flags/flags.ts';
import { loadModel, type modelSchema, newModel } from './flags/modelFlags.ts';
import { withAbsolutePaths } from './flags/optionPaths.ts';
import { rewardsOf } from './flags/rewardFlag.ts';
import { taskOf } from './flags/taskFlag.ts';
import { grpoFlags, pipelineFlags, pipelineSections, pretrainFlags } from './flags/trainingFlags.ts';
import { shortage } from './heldOut.ts';
import { type GrpoPhase, grpoPhase, type PretrainPhase, pretrainPhase } from './phases.ts';
import { PIPELINE } from './pipeline.ts';
import { type EarlierSession, judge, trainingSession } from './session.ts';
import type { Workbench } from './workbench.ts';

/** Longest answer in evaluations after pretraining, as GRPO's default is. */
const PRETRAIN_MAX_GEN_LEN = 256;

/** Optimiser steps between the pipeline's checkpoints in pretraining; in GRPO they take longer. */
const PIPELINE_SAVES = { pretrain: 1000, grpo: 30 };
const SMALLER_MODEL = 'take a smaller --modelsize';
/** What all micro-batches have at least, as a sequence is never split. */
const LEAST_MICRO_BATCH = 64;

type TaskSettings = Pick<GrpoOptions, 'maxDigits' | 'maxDepth' | 'operators'>;

/** Changes to the pipeline's settings. */
type PipelineSections = Readonly<
  Partial<Record<keyof typeof pipelineSections, Readonly<Record<string, unknown>>>>
>;

/** Pretrains a tiny model, evaluates it, improves it with GRPO, and evaluates it again on the same problems. */
export async function runPipeline(
  flags: z.output<typeof pipelineFlags>,
  sections: PipelineSections = {},
  earlier?: EarlierSession,
): Promise<void> {
  const { seed } = flags;
  const { pretrain: pretrainSection, grpo: grpoSection } = pipelineSections;
  const settings = {
    pretrain: parseOptions(pretrainSection, { ...PIPELINE.pretrain, ...sections.pretrain }),
    grpo: parseOptions(grpoSection, { ...PIPELINE.grpo, ...sections.grpo }),
  };
  const pretrain = pretrainOptions({ ...settings.pretrain, seed });
  const grpo = grpoOptions({ ...settings.grpo, seed });
  const task = arithmetic(grpo);
  checkTopK(grpo.topK, task.tokenizer.vocabSize);
  const problems = heldOutOfRun(task, PIPELINE.evalSize, keptProblems(earlier));
  const { maxGenLen } = grpo;
  await trainingSession(
    {
      kind: 'pipeline',
      flags,
      options: () => ({ ...flags, ...settings }),
      derived: { grpo: derivedOf(grpo) },
      settings: { task: task.name, ...taskSettings(grpo), ...samplingSettings(grpo) },
      notes: shortage(problems, PIPELINE.evalSize),
      advice: (text) => adviceFor(text, earlier?.flags ?? flagsOf(pipelineFlags)),
      seed,
      model: () => newModel({ modelsize: PIPELINE.modelsize }, seed, task),
      task,
      problems,
      maxGenLen,
      memory: {
        fix: 'lower batchSize, groupSize or grpo.microBatchTokens in a --config',
        generationFix: 'lower grpo.maxGenLen in a --config',
        limit: flags.memoryLimit,
      },
      earlier,
    },
    async (bench, policy, sampler) => {
      const pretraining = await pretrainModel(bench, () => new SupervisedTrainer(policy, pretrain), {
        stepEval: false,
        saveInterval: PIPELINE_SAVES.pretrain,
      });
      const baseline = await judge(bench, 'baseline');
      if (baseline === null) return { baseline, final: null, phases: { pretrain: pretraining } };
      const phase = { steps: grpo.steps, saveInterval: PIPELINE_SAVES.grpo, evalInterval: 0 };
      const improving = await improveModel(bench, new GrpoTrainer(policy, grpo, { sampler }), phase);
      const final = await judge(bench, 'final');
      return { baseline, final, phases: { pretrain: pretraining, grpo: improving } };
    },
  );
}

/** Supervised training of a new model, or of one from a checkpoint. */
export async function runPretraining(
  flags: z.output<typeof pretrainFlags>,
  earlier?: EarlierSession,
  notes: readonly string[] = [],
): Promise<void> {
  const options = pretrainOptions(pick(pretrainSchema, flags));
  const { checkpoint, seed } = flags;
  const task = await taskOf(flags.task, options);
  const modelFlags = pickModel(flags);
  const problems = heldOutOfRun(task, flags.evalSize, keptProblems(earlier));
  await trainingSession(
    {
      kind: 'pretrain',
      flags,
      options: () => withAbsolutePaths(flags),
      settings: { task: withAbsolutePaths(flags).task, ...taskSettings(options) },
      notes: [...notes, ...shortage(problems, flags.evalSize)],
      advice: (text) => adviceFor(text, earlier?.flags ?? flagsOf(pretrainFlags)),
      seed,
      model: () =>
        checkpoint === undefined ? newModel(modelFlags, seed, task) : loadModel(checkpoint, modelFlags, task),
      loadedFrom: checkpoint,
      task,
      problems,
      maxGenLen: PRETRAIN_MAX_GEN_LEN,
      csv: flags.logCsv,
      memory: {
        fix:
          options.batchSize > 1
            ? `lower --batch_size (now ${options.batchSize}), or take a smaller --modelsize`
            : SMALLER_MODEL,
        generationFix: SMALLER_MODEL,
        limit: flags.memoryLimit,
      },
      earlier,
    },
    async (bench, transformer) => {
      // What random weights answer is known without asking.
      const baseline = checkpoint === undefined ? null : await judge(bench, 'baseline');
      const trainer = () => new SupervisedTrainer(transformer, options, { task });
      const pretrain = await pretrainModel(bench, trainer, flags);
      return { baseline, final: await judge(bench, 'final'), phases: { pretrain } };
    },
  );
}

/** GRPO on the model of a checkpoint. */
export async function runGrpo(
  flags: z.output<typeof grpoFlags>,
  earlier?: EarlierSession,
  notes: readonly string[] = [],
): Promise<void> {
  const options = grpoOptions(pick(grpoSchema, flags));
  const { checkpoint, seed } = flags;
  const task = await taskOf(flags.task, options);
  checkTopK(options.topK, task.tokenizer.vocabSize);
  const rewards = await rewardsOf(flags.reward, task);
  const problems = heldOutOfRun(task, flags.evalSize, keptProblems(earlier));
  let { microBatchTokens } = options;
  await trainingSession(
    {
      kind: 'grpo',
      flags,
      options: () => withAbsolutePaths({ ...flags, microBatchTokens }),
      derived: derivedOf(options),
      settings: {
        task: withAbsolutePaths(flags).task,
        ...taskSettings(options),
        ...samplingSettings(options),
      },
      notes: [...notes, ...shortage(problems, flags.evalSize)],
      advice: (text) => adviceFor(text, earlier?.flags ?? flagsOf(grpoFlags)),
      seed,
      model: () => loadModel(checkpoint, pickModel(flags), task),
      loadedFrom: checkpoint,
      task,
      problems,
      maxGenLen: options.maxGenLen,
      csv: flags.logCsv,
      memory: {
        fix:
          `lower --micro_batch_tokens (now ${microBatchTokens}) or give --auto_micro_batch; if that does not do, lower ` +
          `--batch_size (now ${options.batchSize}), --group_size or --max_gen_len`,
        generationFix: `lower --max_gen_len (now ${options.maxGenLen})`,
        limit: flags.memoryLimit,
        lower: () => {
          if (!flags.autoMicroBatch || microBatchTokens <= LEAST_MICRO_BATCH) return undefined;
          microBatchTokens = Math.max(LEAST_MICRO_BATCH, Math.floor(microBatchTokens / 2));
          return `--micro_batch_tokens ${microBatchTokens}`;
        },
      },
      earlier,
    },
    async (bench, policy, sampler) => {
      const baseline = await judge(bench, 'baseline');
      const changed = { ...options, microBatchTokens };
      const trainer = new GrpoTrainer(policy, changed, { task, rewards, sampler });
      const grpo = await improveModel(bench, trainer, flags);
      return { baseline, final: await judge(bench, 'final'), phases: { grpo } };
    },
  );
}

/** What depends on the loss where it was not given. */
function derivedOf({ clipRatio, clipRatioHigh }: GrpoOptions): object {
  return { clipRatio, clipRatioHigh };
}

/** Nothing is left to do, and no trainer needed, if the run goes on from behind pretraining. */
async function pretrainModel(
  bench: Workbench,
  newTrainer: () => SupervisedTrainer,
  { stepEval, saveInterval }: Pick<PretrainPhase, 'stepEval' | 'saveInterval'>,
): Promise<PhaseResult> {
  const earlier = bench.resumed?.session.finished.pretrain;
  if (earlier) return earlier;
  const trainer = newTrainer();
  const { stepsPerPass } = trainer;
  try {
    return await pretrainPhase(bench, { trainer, stepsPerPass, stepEval, saveInterval });
  } finally {
    trainer.dispose();
  }
}

async function improveModel(
  bench: Workbench,
  trainer: GrpoTrainer,
  { steps, saveInterval, evalInterval }: Omit<GrpoPhase, 'trainer'>,
): Promise<PhaseResult> {
  try {
    return await grpoPhase(bench, { trainer, steps, saveInterval, evalInterval });
  } finally {
    trainer.dispose();
  }
}

/** What a checkpoint says of the problems. */
function taskSettings({ maxDigits, maxDepth, operators }: TaskSettings): TrainedSettings {
  return { maxDigits, maxDepth, operators: [...operators] };
}

/** And of how completions were sampled. */
function samplingSettings({ temperature, topK, topP, minP }: GrpoOptions): TrainedSettings {
  return { temperature, topK, topP, minP };
}

function pickModel({ modelsize, shape, numExperts, activeExperts }: z.output<typeof modelSchema>) {
  return { modelsize, shape, numExperts, activeExperts };
}

/** The problems that a run was begun with. */
function keptProblems(earlier: EarlierSession | undefined) {
  const path = earlier && join(earlier.directory, EVALUATION_FILE);
  if (path === undefined || !existsSync(path)) return undefined;
  return { path, text: withFileErrors(path, () => readFileSync(path, 'utf8')) };
}
