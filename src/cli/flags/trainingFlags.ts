/** The flags of train.ts: of the whole pipeline, of supervised pretraining, and of GRPO. */
import { z } from 'zod';
import { path, seed } from '../../base/options.ts';
import { grpoSchema } from '../../grpo/options.ts';
import { pretrainSchema } from '../../pretrain/options.ts';
import { optionFields } from '../../tasks/definition.ts';
import {
  logCsvField,
  recipeField,
  rewardField,
  sessionSchema,
  taskField,
} from '../../training/commandOptions.ts';
import { grpoSessionSchema, pretrainSessionSchema, traceFields } from '../../training/options.ts';
import { PIPELINE_TASK } from '../pipeline.ts';
import { configFlag } from './configFile.ts';
import { modelSchema } from './modelFlags.ts';
import { trustFlag } from './trust.ts';
import { workersFields } from './workersFlags.ts';

/** Flags of both trainings, after those of their trainers. */
const ownFlags = {
  ...logCsvField,
  ...configFlag,
  ...trustFlag,
  ...sessionSchema.shape,
};

export const pipelineFlags = z.strictObject({
  seed: seed().default(0).describe('seed of everything random'),
  ...traceFields,
  ...configFlag,
  ...workersFields,
  ...sessionSchema.shape,
});

/** Sections of a --config for the pipeline. They have no seed: one seed serves everything. */
export const pipelineSections = {
  pretrain: pretrainSchema.omit({ seed: true }).extend(optionFields(PIPELINE_TASK, 'pretraining')),
  grpo: grpoSchema.omit({ seed: true }).extend(optionFields(PIPELINE_TASK, 'other')),
};

export const pretrainFlags = z.strictObject({
  ...taskField,
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
  ...taskField,
  ...rewardField,
  ...recipeField,
  ...grpoSchema.shape,
  ...modelSchema.shape,
  ...grpoSessionSchema.shape,
  ...workersFields,
  ...ownFlags,
});
