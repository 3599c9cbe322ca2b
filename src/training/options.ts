/** The options of sessions: named, checked and described as the flags of `mathformer pretrain` and `mathformer grpo`. */
import { z } from 'zod';
import { integer, yesOrNo } from '../base/options.ts';

const interval = () => integer(0, 1_000_000_000);

const evalSize = integer(1, 100_000).default(100).describe('held-out problems to evaluate on');

/** Options of every session. */
export const keepLastField = {
  keepLast: integer(0, 1_000_000)
    .default(0)
    .describe('checkpoints to keep besides the one with the best accuracy (0 = all)'),
};

/** Options of the traces of GRPO steps. */
export const traceFields = {
  traceGroups: integer(0, 4096)
    .default(2)
    .describe(
      'groups that a trace keeps token by token; those whose rewards differ come first (0 = no traces)',
    ),
  traceInterval: interval()
    .default(10)
    .describe('steps between traces; the first and the last step have one, too (0 = only these)'),
};

/** Options of a session of supervised training. */
export const pretrainSessionSchema = z.object({
  saveInterval: interval()
    .default(500)
    .describe('optimiser steps between checkpoints within a pass (0 = only after each pass)'),
  stepEval: yesOrNo().default(false).describe('evaluate after every pass'),
  evalSize,
});

/** Options of a session of GRPO. */
export const grpoSessionSchema = z.object({
  saveInterval: interval().default(100).describe('steps between checkpoints (0 = only at the end)'),
  autoMicroBatch: yesOrNo()
    .default(false)
    .describe('halve --micro_batch_tokens and go on from the last checkpoint when memory runs out'),
  evalInterval: interval().default(50).describe('steps between evaluations (0 = none on the way)'),
  evalSize,
  ...traceFields,
});
