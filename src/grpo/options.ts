/** The options of GRPO, named, checked and described as the flags of `train.ts grpo`. */
import { z } from 'zod';
import { VOCAB_SIZE } from '../math/tokenizer.ts';
import {
  depth,
  digits,
  integer,
  oneOf,
  operatorList,
  parseOptions,
  probability,
  real,
  SCHEDULERS,
  seed,
} from '../options.ts';

/** The options with their ranges, defaults and descriptions. */
export const grpoSchema = z.strictObject({
  steps: integer(1, 1_000_000_000).default(1000).describe('optimiser steps'),
  batchSize: integer(1, 65_536).default(32).describe('problems per step'),
  groupSize: integer(2, 4096, 'an advantage compares the completions of one problem')
    .default(4)
    .describe('completions sampled for each problem'),
  lr: real({ min: 0, aboveMin: true, max: 1 }).default(1e-5).describe('learning rate'),
  scheduler: oneOf(SCHEDULERS)
    .default('none')
    .describe('none (constant learning rate) or cosine (warm-up, then decay to 0 over --steps)'),
  warmupRatio: probability()
    .default(0)
    .describe('share of the steps in which the learning rate rises, under --scheduler cosine'),
  maxDigits: digits().default(2).describe('most digits of a number'),
  maxDepth: depth().default(3).describe('most operators on a path through an expression'),
  operators: operatorList().describe('operators of the expressions, such as "+,-,max"'),
  maxGenLen: integer(1, 4096).default(256).describe('most tokens of a completion'),
  klCoef: real({ min: 0, max: 1000 }).default(0.1).describe('weight of the KL to the reference (0 = none)'),
  clipRatio: real({ min: 0, aboveMin: true, max: 1 })
    .default(0.2)
    .describe('clips the probability ratio to 1 ± this'),
  temperature: real({
    min: 0,
    aboveMin: true,
    max: 100,
    because: 'greedy completions of a group would all be equal',
  })
    .default(1)
    .describe('sampling temperature'),
  gradClip: real({ min: 0 }).default(1).describe('largest norm of the gradient (0 = no clipping)'),
  topK: integer(0, VOCAB_SIZE, `the vocabulary has ${VOCAB_SIZE} tokens`)
    .default(0)
    .describe('sample from the k likeliest tokens (0 = off)'),
  topP: real({ min: 0, aboveMin: true, max: 1 })
    .default(1)
    .describe('sample from the likeliest tokens that make up this probability (1 = off)'),
  microBatchTokens: integer(64, 2 ** 24)
    .default(8192)
    .describe('tokens per forward pass; fewer take less memory'),
  seed: seed().default(0).describe('seed of the problems and of sampling'),
});

/** Checked options of the GRPO trainer. */
export type GrpoOptions = Readonly<z.output<typeof grpoSchema>>;

/**
 * Checks options and fills in the defaults of the command line.
 * @throws BadOptionError naming the flag, its value and what it takes.
 */
export function grpoOptions(candidate: z.input<typeof grpoSchema> | object = {}): GrpoOptions {
  return parseOptions(grpoSchema, candidate);
}
