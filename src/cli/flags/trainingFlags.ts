/** The flags of train.ts: of the whole pipeline, of supervised pretraining, and of GRPO. */
import { z } from 'zod';
import { path, seed } from '../../base/options.ts';
import { grpoSchema } from '../../grpo/options.ts';
import { pretrainSchema } from '../../pretrain/options.ts';
import { optionFields } from '../../tasks/definition.ts';
import { grpoSessionSchema, pretrainSessionSchema, traceFields } from '../../training/options.ts';
import { PIPELINE_TASK } from '../pipeline.ts';
import { configFlag, recipeFlag } from './configFile.ts';
import { modelSchema } from './modelFlags.ts';
import { rewardFlag } from './rewardFlag.ts';
import { sessionSchema } from './sessionFlags.ts';
import { taskFlag } from './taskFlag.ts';
import { trustFlag } from './trust.ts';

/** Flags of both trainings, after those of their trainers. */
const ownFlags = {
  logCsv: z.string().default('').describe('also write the metrics to this CSV file, which must not exist'),
  ...configFlag,
  ...trustFlag,
  ...sessionSchema.shape,
};

export const pipelineFlags = z.strictObject({
  seed: seed().default(0).describe('seed of everything random'),
  ...traceFields,
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
  ...pretrainSessionSchema.shape,
  ...ownFlags,
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
  ...grpoSessionSchema.shape,
  ...ownFlags,
});
