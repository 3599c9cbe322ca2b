/** The options of supervised training. They are named, checked and described as the flags of `train.ts pretrain`. */
import { z } from 'zod';
import {
  BadOptionError,
  integer,
  oneOf,
  parseOptions,
  probability,
  real,
  SCHEDULERS,
  seed,
  yesOrNo,
} from '../base/options.ts';
import { taskOptionAdvice } from '../tasks/builtIn.ts';

/** Each option with its range, default and description. */
export const pretrainSchema = z.strictObject({
  steps: integer(1, 1_000_000)
    .default(10)
    .describe('passes of --num_examples examples each; every pass draws new ones'),
  lr: real({ min: 0, aboveMin: true, max: 1 }).default(1e-3).describe('peak learning rate'),
  batchSize: integer(1, 65_536).default(128).describe('examples per optimiser step'),
  numExamples: integer(1, 1_000_000_000)
    .default(10_000)
    .describe('training examples in a pass; its last batch is smaller if --batch_size does not divide this'),
  practice: yesOrNo()
    .default(false)
    .describe(
      'make half of the examples one level easier, to practise the parts (of arithmetic, one digit and one depth less)',
    ),
  scheduler: oneOf(SCHEDULERS)
    .default('cosine')
    .describe('cosine (warm-up, then decay to --min_lr) or none (constant learning rate)'),
  warmupRatio: probability().default(0.05).describe('share of the steps in which the learning rate rises'),
  minLr: real({ min: 0, max: 1 }).default(1e-5).describe('learning rate at the end of the cosine'),
  gradClip: real({ min: 0 }).default(1).describe('maximum norm of the gradient (0 = no clipping)'),
  weightDecay: real({ min: 0, max: 1 }).default(0.01).describe("AdamW's weight decay"),
  dropout: real({ min: 0, max: 0.9 }).optional().describe("dropout probability (default: the model's)"),
  loadBalanceCoef: real({ min: 0, max: 1000 })
    .default(0)
    .describe('weight of the load-balancing loss of a mixture of experts'),
  promptLoss: yesOrNo()
    .default(false)
    .describe("train on the prompt's tokens too, not only on those after it"),
  seed: seed().default(0).describe('seed of the weights, the examples and dropout'),
});

/** Checked options; `steps` counts passes over `numExamples` examples. */
export type PretrainOptions = Readonly<z.output<typeof pretrainSchema>>;

/**
 * Check options and fill in the defaults, those of the command line.
 * @throws BadOptionError naming the flag, its value and the accepted values.
 */
export function pretrainOptions(candidate: z.input<typeof pretrainSchema> | object = {}): PretrainOptions {
  const options = parseOptions(pretrainSchema, candidate, taskOptionAdvice);
  if (options.scheduler === 'cosine' && options.minLr > options.lr) {
    throw new BadOptionError(
      '--min_lr',
      `--min_lr ${options.minLr} is above --lr ${options.lr}`,
      'lower --min_lr, raise --lr, or use --scheduler none',
    );
  }
  return options;
}
