/** The options of GRPO, named, checked and described as the flags of `train.ts grpo`. */
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
import { MIN_TEMPERATURE } from '../model/sampling.ts';
import { depth, digits, operatorList } from '../tasks/arithmetic/options.ts';
import { ADVANTAGE_KINDS } from './advantages.ts';
import { DYNAMIC_SAMPLING_METRICS, MAX_REFILLS } from './dynamicSampling.ts';
import { KL_NAMES } from './kl.ts';
import { type ClipRange, clipRange, LOSS_NAMES } from './losses.ts';

/** The options with their ranges, defaults and descriptions. */
export const grpoSchema = z.strictObject({
  steps: integer(1, 1_000_000_000).default(1000).describe('rounds of sampling and of learning from it'),
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
  loss: oneOf(LOSS_NAMES).default('grpo').describe('policy loss'),
  advantages: oneOf(ADVANTAGE_KINDS)
    .default('group')
    .describe('advantages in a group: (reward - mean)/std, or reward - mean (center)'),
  clipRatio: real({ min: 0, aboveMin: true, max: 1 })
    .optional()
    .describe(
      'the probability ratio is clipped at 1 - this (default: 0.2; gspo 3e-4, cispo 1, which is never)',
    ),
  clipRatioHigh: real({ min: 0, aboveMin: true, max: 1000 })
    .optional()
    .describe('and at 1 + this (default: as --clip_ratio; dapo and cispo 0.28, gspo 4e-4)'),
  dualClip: real({ min: 0, max: 1000 })
    .refine((c) => c === 0 || c > 1, { error: 'give 0 (off) or a number above 1, at most 1000' })
    .default(0)
    .describe('where the advantage is negative, the ratio counts as this at most (0 = off)'),
  epochs: integer(1, 1000).default(1).describe('passes over the completions of a step'),
  miniBatches: integer(1, 65_536)
    .default(1)
    .describe('optimiser steps in a pass, each on its share of the problems'),
  klCoef: real({ min: 0, max: 1000 }).default(0.1).describe('weight of the KL to the reference (0 = none)'),
  klEstimator: oneOf(KL_NAMES)
    .default('k3')
    .describe(
      'KL at a token. k3+ (recommended) has the gradient of KL(policy || reference) in several epochs too, k2 in the ' +
        'first step on the completions alone; k3 (DeepSeekMath) has that of KL(reference || policy), weak where the ' +
        'policy left the reference; exact sums over the vocabulary. k1 has no gradient, and --kl_coef refuses it',
    ),
  klTarget: real({ min: 0, max: 1000 })
    .default(0)
    .describe('the weight of the KL follows it towards this many nats a token (0 = stays as it is)'),
  klHorizon: integer(1, 1_000_000_000)
    .default(10_000)
    .describe('completions in which that weight changes by up to a fifth'),
  refSyncSteps: integer(0, 1_000_000_000)
    .default(0)
    .describe('steps after which the policy becomes the reference (0 = the reference is the start)'),
  entropyCoef: real({ min: 0, max: 1000 }).default(0).describe('weight of the entropy bonus (0 = none)'),
  maskTruncated: yesOrNo().default(false).describe('leave completions without an end out of the loss'),
  overlongBuffer: integer(0, 4096)
    .default(0)
    .describe('last tokens before --max_gen_len in which a penalty on the reward rises (0 = none)'),
  overlongPenalty: real({ min: 0, max: 1000 }).default(1).describe('that penalty at --max_gen_len'),
  dynamicSampling: yesOrNo()
    .default(false)
    .describe('replace problems whose completions are all right, or all wrong, by others'),
  dynamicSamplingMetric: oneOf(DYNAMIC_SAMPLING_METRICS)
    .default('accuracy')
    .describe(
      'what it compares: accuracy (right or wrong), or the sum of the rewards, without the penalty on length',
    ),
  maxRefills: integer(0, 1000)
    .default(MAX_REFILLS)
    .describe('times that it samples again in a step, (1 + this) x --batch_size problems in all at most'),
  curriculum: yesOrNo()
    .default(false)
    .describe('draw easier problems as well, mostly of the levels that are right about half of the time'),
  rewardTimeout: real({ min: 0, aboveMin: true, max: 1_000_000 })
    .default(60)
    .describe('seconds that rewards which come later are waited for'),
  temperature: real({
    min: MIN_TEMPERATURE,
    max: 100,
    because: 'colder, 32-bit floats overflow, and greedy completions of a group would all be equal',
  })
    .default(1)
    .describe('sampling temperature'),
  gradClip: real({ min: 0 }).default(1).describe('largest norm of the gradient (0 = no clipping)'),
  topK: integer(0, 2 ** 24)
    .default(0)
    .describe('sample from the k likeliest tokens (0 = off)'),
  topP: real({ min: 0, aboveMin: true, max: 1 })
    .default(1)
    .describe('sample from the likeliest tokens that make up this probability (1 = off)'),
  minP: probability()
    .default(0)
    .describe('sample from tokens with this share of the probability of the likeliest (0 = off)'),
  microBatchTokens: integer(64, 2 ** 24)
    .default(8192)
    .describe('tokens per forward pass; fewer take less memory'),
  seed: seed().default(0).describe('seed of the problems and of sampling'),
});

/** Checked options of the GRPO trainer, what depends on the loss filled in. */
export type GrpoOptions = Readonly<z.output<typeof grpoSchema>> &
  Pick<ClipRange, 'clipRatio' | 'clipRatioHigh'>;

/**
 * Checks options and fills in the defaults of the command line.
 * @throws BadOptionError naming the flag, its value and what it takes.
 */
export function grpoOptions(candidate: z.input<typeof grpoSchema> | object = {}): GrpoOptions {
  const options = parseOptions(grpoSchema, candidate);
  const { clipRatio, clipRatioHigh } = clipRange(options.loss, options);
  const complete = { ...options, clipRatio, clipRatioHigh };
  checkTogether(complete);
  return complete;
}

/** @throws BadOptionError for options that cannot work together, such as k1 as a penalty. */
export function checkTogether(options: GrpoOptions): void {
  for (const { flag, problem, fix } of contradictions(options)) throw new BadOptionError(flag, problem, fix);
}

/** @throws BadOptionError if there are not as many tokens to sample from: the vocabulary is the task's. */
export function checkTopK(topK: number, vocabSize: number): void {
  if (topK <= vocabSize) return;
  const problem = `--top_k cannot be ${topK}: the vocabulary has ${vocabSize} tokens`;
  throw new BadOptionError('--top_k', problem, `give an integer from 0 (off) to ${vocabSize}`);
}

interface Contradiction {
  readonly flag: string;
  readonly problem: string;
  readonly fix: string;
}

/** What cannot work together, or would be without effect. */
function contradictions(options: GrpoOptions): Contradiction[] {
  const { batchSize, groupSize, maxGenLen, clipRatio } = options;
  const sequences = batchSize * groupSize;
  const found: (Contradiction | false)[] = [
    options.miniBatches > batchSize && {
      flag: '--mini_batches',
      problem: `${batchSize} problems do not make ${options.miniBatches} mini-batches`,
      fix: `give at most --batch_size, ${batchSize}`,
    },
    options.klEstimator === 'k1' &&
      options.klCoef > 0 && {
        flag: '--kl_estimator',
        problem: 'k1 in the loss holds nothing back: the mean of its gradient is 0',
        fix: 'give --kl_estimator k3+ (or k2, k3, exact), or --kl_coef 0',
      },
    options.klTarget > 0 &&
      options.klCoef === 0 && {
        flag: '--kl_target',
        problem: 'without --kl_coef there is no weight of the KL that could change',
        fix: 'give a --kl_coef above 0 to start from',
      },
    options.klTarget > 0 &&
      options.klHorizon < sequences && {
        flag: '--kl_horizon',
        problem: `a step has ${sequences} completions, more than the horizon of ${options.klHorizon}`,
        fix: `give at least ${sequences}`,
      },
    options.refSyncSteps > 0 &&
      options.klCoef === 0 && {
        flag: '--ref_sync_steps',
        problem: 'without --kl_coef there is no reference',
        fix: 'give a --kl_coef above 0, or leave out --ref_sync_steps',
      },
    options.dualClip > 0 &&
      options.loss === 'cispo' && {
        flag: '--dual_clip',
        problem: 'cispo has no surrogate to bound',
        fix: 'choose another --loss, or leave out --dual_clip',
      },
    clipRatio < 1 &&
      options.loss === 'cispo' && {
        flag: '--clip_ratio',
        problem: 'cispo bounds the ratio above alone',
        fix: 'give --clip_ratio_high, and no --clip_ratio',
      },
    options.overlongBuffer > maxGenLen && {
      flag: '--overlong_buffer',
      problem: `completions have ${maxGenLen} tokens at most, fewer than the buffer of ${options.overlongBuffer}`,
      fix: 'give at most --max_gen_len',
    },
  ];
  return found.filter((contradiction) => contradiction !== false);
}
