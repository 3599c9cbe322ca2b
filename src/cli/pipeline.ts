/**
 * The settings of `train.ts` without a subcommand: small enough for two CPU cores, and chosen so that pretraining
 * leaves something for GRPO to improve.
 */
import type { z } from 'zod';
import type { grpoSchema } from '../grpo/options.ts';
import type { ModelSize } from '../model/config.ts';
import type { pretrainSchema } from '../pretrain/options.ts';

/** Sums and differences of one-digit numbers, two operators deep. */
const TASK = { operators: ['+', '-'], maxDigits: 1, maxDepth: 2 };

const PRETRAIN_STEPS = 600;
const PRETRAIN_BATCH = 128;

export const PIPELINE = {
  modelsize: 'tiny',
  /** Held-out problems that the model is evaluated on before and after GRPO. */
  evalSize: 1000,
  pretrain: {
    ...TASK,
    // One pass over as many examples as the steps need.
    steps: 1,
    batchSize: PRETRAIN_BATCH,
    numExamples: PRETRAIN_STEPS * PRETRAIN_BATCH,
    lr: 3e-3,
    scratchpadProbability: 1,
    littleProbability: 0,
  },
  grpo: {
    ...TASK,
    steps: 150,
    batchSize: 32,
    groupSize: 8,
    lr: 1e-3,
    klCoef: 0,
    maxGenLen: 128,
  },
} as const satisfies {
  modelsize: ModelSize;
  evalSize: number;
  pretrain: Partial<Readonly<z.input<typeof pretrainSchema>>>;
  grpo: Partial<Readonly<z.input<typeof grpoSchema>>>;
};
