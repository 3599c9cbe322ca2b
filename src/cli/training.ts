/** The three trainings of train.ts: the whole pipeline, supervised pretraining, and GRPO. */
import { z } from 'zod';
import { grpoOptions, grpoSchema } from '../grpo/options.ts';
import { GrpoTrainer } from '../grpo/trainer.ts';
import { ProblemSpaceError } from '../math/errors.ts';
import { type EvaluationProblem, evaluationSet } from '../math/evaluationSet.ts';
import type { GeneratorOptions } from '../math/generator.ts';
import type { Transformer } from '../model/transformer.ts';
import { BadOptionError, integer, seed, yesOrNo } from '../options.ts';
import { type PretrainOptions, pretrainOptions, pretrainSchema } from '../pretrain/options.ts';
import { SupervisedTrainer } from '../pretrain/trainer.ts';
import { pick } from './flags.ts';
import { loadModel, modelSchema, newModel } from './modelFlags.ts';
import { type GrpoPhase, grpoPhase, type PhaseResult, pretrainPhase } from './phases.ts';
import { PIPELINE } from './pipeline.ts';
import { judge, sessionSchema, trainingSession } from './session.ts';
import type { Workbench } from './workbench.ts';

/** The same problems in every run, whatever its seed, so that checkpoints can be compared. */
const EVALUATION_SEED = 0;
/** Longest answer in evaluations after pretraining, as GRPO's default is. */
const PRETRAIN_MAX_GEN_LEN = 256;

const evaluationFlags = {
  evalSize: integer(1, 100_000).default(100).describe('held-out problems to evaluate on'),
  logCsv: z.string().default('').describe('also write the metrics to this CSV file, which must not exist'),
};

export const pipelineFlags = z.strictObject({
  seed: seed().default(0).describe('seed of everything random'),
  ...sessionSchema.shape,
});

export const pretrainFlags = z.strictObject({
  ...pretrainSchema.shape,
  checkpoint: z
    .string()
    .min(1)
    .optional()
    .describe('go on from this checkpoint (.safetensors, or .pt of the original)'),
  ...modelSchema.shape,
  stepEval: yesOrNo().default(false).describe('evaluate after every pass'),
  ...evaluationFlags,
  ...sessionSchema.shape,
});

export const grpoFlags = z.strictObject({
  checkpoint: z
    .string({
      error: 'give the checkpoint of a pretrained model, such as the last one of `train.ts pretrain`',
    })
    .min(1, { error: 'give a path that is not empty' })
    .describe('the model to improve (.safetensors, or .pt of the original); required'),
  ...grpoSchema.shape,
  ...modelSchema.shape,
  saveInterval: integer(0, 1_000_000_000)
    .default(100)
    .describe('steps between checkpoints (0 = only at the end)'),
  evalInterval: integer(0, 1_000_000_000)
    .default(50)
    .describe('steps between evaluations (0 = none on the way)'),
  ...evaluationFlags,
  ...sessionSchema.shape,
});

/** Pretrains a tiny model, evaluates it, improves it with GRPO, and evaluates it again on the same problems. */
export async function runPipeline(flags: z.output<typeof pipelineFlags>): Promise<void> {
  const pretrain = pretrainOptions({ ...PIPELINE.pretrain, seed: flags.seed });
  const grpo = grpoOptions({ ...PIPELINE.grpo, seed: flags.seed });
  const model = newModel({ modelsize: PIPELINE.modelsize }, flags.seed);
  const problems = heldOut(grpo, PIPELINE.evalSize);
  const { seed } = flags;
  const options = { pretrain, grpo };
  const { maxGenLen } = grpo;
  await trainingSession(
    { kind: 'pipeline', flags, options, seed, model, problems, maxGenLen },
    async (bench, policy) => {
      const pretraining = await pretrainModel(bench, policy, pretrain, false);
      const baseline = await judge(bench, 'baseline');
      if (baseline === null) return { baseline, final: null, phases: { pretrain: pretraining } };
      const phase = { steps: grpo.steps, saveInterval: 30, evalInterval: 0 };
      const improving = await improveModel(bench, new GrpoTrainer(policy, grpo), phase);
      const final = await judge(bench, 'final');
      return { baseline, final, phases: { pretrain: pretraining, grpo: improving } };
    },
  );
}

/** Supervised training of a new model, or of one from a checkpoint. */
export async function runPretraining(flags: z.output<typeof pretrainFlags>): Promise<void> {
  const options = pretrainOptions(pick(pretrainSchema, flags));
  const { checkpoint, seed } = flags;
  const modelFlags = pickModel(flags);
  const model = checkpoint === undefined ? newModel(modelFlags, seed) : loadModel(checkpoint, modelFlags);
  await trainingSession(
    {
      kind: 'pretrain',
      flags,
      options: flags,
      seed,
      model,
      loadedFrom: checkpoint,
      problems: heldOut(options, flags.evalSize),
      maxGenLen: PRETRAIN_MAX_GEN_LEN,
      csv: flags.logCsv,
    },
    async (bench, transformer) => {
      // What random weights answer is known without asking.
      const baseline = checkpoint === undefined ? null : await judge(bench, 'baseline');
      const pretrain = await pretrainModel(bench, transformer, options, flags.stepEval);
      return { baseline, final: await judge(bench, 'final'), phases: { pretrain } };
    },
  );
}

/** GRPO on the model of a checkpoint. */
export async function runGrpo(flags: z.output<typeof grpoFlags>): Promise<void> {
  const options = grpoOptions(pick(grpoSchema, flags));
  const { checkpoint, seed } = flags;
  const model = loadModel(checkpoint, pickModel(flags));
  await trainingSession(
    {
      kind: 'grpo',
      flags,
      options: { ...flags, ...options },
      seed,
      model,
      loadedFrom: checkpoint,
      problems: heldOut(options, flags.evalSize),
      maxGenLen: options.maxGenLen,
      csv: flags.logCsv,
    },
    async (bench, policy) => {
      const baseline = await judge(bench, 'baseline');
      const grpo = await improveModel(bench, new GrpoTrainer(policy, options), flags);
      return { baseline, final: await judge(bench, 'final'), phases: { grpo } };
    },
  );
}

async function pretrainModel(
  bench: Workbench,
  model: Transformer,
  options: PretrainOptions,
  stepEval: boolean,
): Promise<PhaseResult> {
  const trainer = new SupervisedTrainer(model, options);
  try {
    return await pretrainPhase(bench, { trainer, stepsPerPass: trainer.stepsPerPass, stepEval });
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

/**
 * The first `size` held-out problems of the kind that is trained on.
 * @throws BadOptionError if there are fewer.
 */
export function heldOut(
  { maxDigits, maxDepth, operators }: Pick<GeneratorOptions, 'maxDigits' | 'maxDepth' | 'operators'>,
  size: number,
): readonly EvaluationProblem[] {
  try {
    return evaluationSet({ size, maxDigits, maxDepth, operators, seed: EVALUATION_SEED });
  } catch (error) {
    if (!(error instanceof ProblemSpaceError)) throw error;
    const fix = 'lower --eval_size, raise --max_digits or --max_depth, or allow more --operators';
    throw new BadOptionError('--eval_size', `there are only ${error.found} such held-out problems`, fix);
  }
}

function pickModel({ modelsize, numExperts, activeExperts }: z.output<typeof modelSchema>) {
  return { modelsize, numExperts, activeExperts };
}
