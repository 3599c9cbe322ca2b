/**
 * The settings of `train.ts` without a subcommand: small enough for two CPU cores, and chosen so that pretraining
 * leaves something for GRPO to improve.
 */
import type { z } from 'zod';
import type { grpoSchema } from '../grpo/options.ts';
import type { ModelSize } from '../model/config.ts';
import type { pretrainSchema } from '../pretrain/options.ts';
import { type ArithmeticOptions, arithmeticTask } from '../tasks/arithmetic/task.ts';

/** The task of the pipeline. */
export const PIPELINE_TASK = arithmeticTask;

/** Sums and differences of one-digit numbers, two operators deep. */
const TASK: ArithmeticOptions = { operators: ['+', '-'], maxDigits: 1, maxDepth: 2 };

const PRETRAIN_STEPS = 5000;
const PRETRAIN_BATCH = 32;

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
    // A constant and high rate: the model stops able but unsettled, which is what GRPO improves most. Annealed by a
    // cosine it gains a few points only (docs/LOG.md).
    lr: 1e-2,
    scheduler: 'none',
    dropout: 0,
    scratchpadProbability: 0.9,
    littleProbability: 0,
  },
  grpo: {
    ...TASK,
    steps: 90,
    batchSize: 64,
    groupSize: 8,
    lr: 1e-3,
    scheduler: 'cosine',
    warmupRatio: 0.1,
    klCoef: 0.02,
    maxNewTokens: 96,
  },
} as const satisfies {
  modelsize: ModelSize;
  evalSize: number;
  pretrain: ArithmeticOptions & Partial<Readonly<z.input<typeof pretrainSchema>>>;
  grpo: ArithmeticOptions & Partial<Readonly<z.input<typeof grpoSchema>>>;
};
