/** The flags of train.ts: of the whole pipeline, of supervised pretraining, and of GRPO. */
import { z } from 'zod';
import { integer, path, seed, yesOrNo } from '../../base/options.ts';
import { grpoSchema } from '../../grpo/options.ts';
import { pretrainSchema } from '../../pretrain/options.ts';
import { optionFields } from '../../tasks/definition.ts';
import { PIPELINE_TASK } from '../pipeline.ts';
import { configFlag, recipeFlag } from './configFile.ts';
import { modelSchema } from './modelFlags.ts';
import { rewardFlag } from './rewardFlag.ts';
import { sessionSchema } from './sessionFlags.ts';
import { taskFlag } from './taskFlag.ts';
import { trustFlag } from './trust.ts';

const evaluationFlags = {
  evalSize: integer(1, 100_000).default(100).describe('held-out problems to evaluate on'),
  logCsv: z.string().default('').describe('also write the metrics to this CSV file, which must not exist'),
};

export const pipelineFlags = z.strictObject({
  seed: seed().default(0).describe('seed of everything random'),
  ...configFlag,
  ...sessionSchema.shape,
});

/** Sections of a --config for the pipeline. They have no seed: one seed serves everything. */
export const pipelineSections = {
  pretrain: pretrainSchema.omit({ seed: true }).extend(optionFields(PIPELINE_TASK, 'pretraining')),
  grpo: grpoSchema.omit({ seed: true }).extend(optionFields(PIPELINE_TASK, 'other')),
};

export const pretrainFlags = z.strictObject({
  ...taskFlag,
  ...pretrainSchema.shape,
  checkpoint: path()
    .optional()
    .describe(
      'begin from this model (.safetensors, .pt of the original, a Hugging Face directory, or a run)',
    ),
  ...modelSchema.shape,
  saveInterval: integer(0, 1_000_000_000)
    .default(500)
    .describe('optimiser steps between checkpoints within a pass (0 = only after each pass)'),
  stepEval: yesOrNo().default(false).describe('evaluate after every pass'),
  ...evaluationFlags,
  ...configFlag,
  ...trustFlag,
  ...sessionSchema.shape,
});

export const grpoFlags = z.strictObject({
  checkpoint: path(
    'give a pretrained model: a checkpoint, or the directory of a run of pretraining',
  ).describe(
    'the model to improve (.safetensors, .pt of the original, a Hugging Face directory, or a run), on its own task ' +
      'unless flags say another; required',
  ),
  ...taskFlag,
  ...rewardFlag,
  ...recipeFlag,
  ...grpoSchema.shape,
  ...modelSchema.shape,
  saveInterval: integer(0, 1_000_000_000)
    .default(100)
    .describe('steps between checkpoints (0 = only at the end)'),
  autoMicroBatch: yesOrNo()
    .default(false)
    .describe('halve --micro_batch_tokens and go on from the last checkpoint when memory runs out'),
  evalInterval: integer(0, 1_000_000_000)
    .default(50)
    .describe('steps between evaluations (0 = none on the way)'),
  ...evaluationFlags,
  ...configFlag,
  ...trustFlag,
  ...sessionSchema.shape,
});
