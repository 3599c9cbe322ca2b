/** The options of GRPO. They are named, checked and described as the flags of `train.ts grpo`. */
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
import { MIN_TEMPERATURE } from '../model/completions.ts';
import { taskOptionAdvice } from '../tasks/builtIn.ts';
import { ADVANTAGE_KINDS } from './advantages.ts';
import { type ClipRange, clipRange, LOSS_NAMES } from './clipping.ts';
import { DYNAMIC_SAMPLING_METRICS, MAX_REFILLS } from './dynamicSampling.ts';
import { KL_NAMES } from './kl.ts';

/** Each option with its range, default and description. */
export const grpoSchema = z.strictObject({
  steps: integer(1, 1_000_000_000)
    .default(1000)
    .describe('rounds of sampling completions and learning from them'),
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
    .describe('share of the steps in which the learning rate rises (--scheduler cosine)'),
  maxNewTokens: integer(1, 4096).default(256).describe('maximum number of tokens of a completion'),
  loss: oneOf(LOSS_NAMES).default('grpo').describe('policy loss'),
  advantages: oneOf(ADVANTAGE_KINDS)
    .default('group')
    .describe('advantages in a group: (reward - mean)/std (group), or reward - mean (center)'),
  clipRatio: real({ min: 0, aboveMin: true, max: 1 })
    .optional()
    .describe(
      'clip the probability ratio from below at 1 - this (default: 0.2; gspo 3e-4; cispo 1, which never clips)',
    ),
  clipRatioHigh: real({ min: 0, aboveMin: true, max: 1000 })
    .optional()
    .describe('clip it from above at 1 + this (default: --clip_ratio; dapo and cispo 0.28; gspo 4e-4)'),
  dualClip: real({ min: 0, max: 1000 })
    .refine((c) => c === 0 || c > 1, { error: 'give 0 (off) or a number above 1, at most 1000' })
    .default(0)
    .describe('upper bound of the ratio where the advantage is negative (0 = off)'),
  epochs: integer(1, 1000).default(1).describe('passes over the completions of a step'),
  miniBatches: integer(1, 65_536)
    .default(1)
    .describe('optimiser steps in a pass, each on a different part of the problems'),
  staleness: integer(0, 8)
    .default(0)
    .describe(
      'steps by which the policy that samples is behind the one that trains; both then work at the same time (0 = the ' +
        'present policy samples, and then trains)',
    ),
  importanceSamplingCap: real({ min: 1, max: 1000 })
    .default(2)
    .describe(
      'maximum weight of a token that an older policy (--staleness) or another kind of machine sampled: its ' +
        'probability now, divided by that when it was sampled',
    ),
  klCoef: real({ min: 0, max: 1000 })
    .default(0.1)
    .describe('weight of the KL penalty, from the reference (0 = none)'),
  klEstimator: oneOf(KL_NAMES)
    .default('k3')
    .describe(
      'estimate of the KL at a token. k3+ (recommended) has the gradient of KL(policy || reference), in several epochs ' +
        'too; k2 has it only in the first step on the completions. k3 (DeepSeekMath) has the gradient of ' +
        'KL(reference || policy), which is weak where the policy has left the reference. exact sums over the ' +
        'vocabulary. k1 has no gradient: --kl_coef refuses it',
    ),
  klTarget: real({ min: 0, max: 1000 })
    .default(0)
    .describe(
      'adapt the weight of the KL so that the KL approaches this, in nats per token (0 = constant weight)',
    ),
  klHorizon: integer(1, 1_000_000_000)
    .default(10_000)
    .describe('number of completions over which --kl_target changes the weight by at most a fifth'),
  refSyncSteps: integer(0, 1_000_000_000)
    .default(0)
    .describe(
      'steps after which the policy is copied to the reference (0 = the reference stays the initial model)',
    ),
  entropyCoef: real({ min: 0, max: 1000 }).default(0).describe('weight of the entropy bonus (0 = none)'),
  maskTruncated: yesOrNo()
    .default(false)
    .describe('leave completions that were cut off before their end out of the loss'),
  overlongBuffer: integer(0, 4096)
    .default(0)
    .describe('tokens before --max_gen_len over which a penalty on the reward rises (0 = no penalty)'),
  overlongPenalty: real({ min: 0, max: 1000 })
    .default(1)
    .describe('the penalty of --overlong_buffer at --max_gen_len tokens'),
  dynamicSampling: yesOrNo()
    .default(false)
    .describe('replace problems whose completions are all right or all wrong by new ones'),
  dynamicSamplingMetric: oneOf(DYNAMIC_SAMPLING_METRICS)
    .default('accuracy')
    .describe(
      'what --dynamic_sampling compares: accuracy (right or wrong), or reward (their sum, without the penalty on length)',
    ),
  maxRefills: integer(0, 1000)
    .default(MAX_REFILLS)
    .describe(
      'how often --dynamic_sampling may sample again in a step; it samples at most (1 + this) x --batch_size problems',
    ),
  curriculum: yesOrNo()
    .default(false)
    .describe('draw easier problems too, mostly of the levels that are solved about half of the time'),
  rewardTimeout: real({ min: 0, aboveMin: true, max: 1_000_000 })
    .default(60)
    .describe('seconds to wait for rewards that return a promise'),
  temperature: real({
    min: MIN_TEMPERATURE,
    max: 100,
    because: 'below it 32-bit floats overflow, and greedy completions of a group would all be equal',
  })
    .default(1)
    .describe('sampling temperature'),
  gradClip: real({ min: 0 }).default(1).describe('maximum norm of the gradient (0 = no clipping)'),
  topK: integer(0, 2 ** 24)
    .default(0)
    .describe('sample from the k most likely tokens (0 = off)'),
  topP: real({ min: 0, aboveMin: true, max: 1 })
    .default(1)
    .describe('sample from the most likely tokens whose probabilities add up to this (1 = off)'),
  minP: probability()
    .default(0)
    .describe('sample from tokens at least this share as likely as the most likely one (0 = off)'),
  microBatchTokens: integer(64, 2 ** 24)
    .default(8192)
    .describe('maximum number of tokens per forward pass; fewer need less memory'),
  seed: seed().default(0).describe('seed of the problems and of sampling'),
});

/** Checked options of the GRPO trainer. Defaults that depend on the loss are filled in. */
export type GrpoOptions = Readonly<z.output<typeof grpoSchema>> &
  Pick<ClipRange, 'clipRatio' | 'clipRatioHigh'>;

/**
 * Check options and fill in the defaults, those of the command line.
 * @throws BadOptionError naming the flag, its value and the accepted values.
 */
export function grpoOptions(candidate: z.input<typeof grpoSchema> | object = {}): GrpoOptions {
  const options = parseOptions(grpoSchema, candidate, taskOptionAdvice);
  const { clipRatio, clipRatioHigh } = clipRange(options.loss, options);
  const complete = { ...options, clipRatio, clipRatioHigh };
  checkTogether(complete);
  return complete;
}

/** @throws BadOptionError if `topK` exceeds the size of the task's vocabulary. */
export function checkTopK(topK: number, vocabSize: number): void {
  if (topK <= vocabSize) return;
  const problem = `--top_k cannot be ${topK}: the vocabulary has ${vocabSize} tokens`;
  throw new BadOptionError('--top_k', problem, `give an integer from 0 (off) to ${vocabSize}`);
}

/** @throws BadOptionError for options that contradict each other or would have no effect, such as k1 as a penalty. */
export function checkTogether(options: GrpoOptions): void {
  const { batchSize, groupSize, maxNewTokens, clipRatio } = options;
  const sequences = batchSize * groupSize;
  const contradictions = [
    options.miniBatches > batchSize && {
      flag: '--mini_batches',
      problem: `${batchSize} problems cannot be split into ${options.miniBatches} mini-batches`,
      fix: `give at most --batch_size, ${batchSize}`,
    },
    options.klEstimator === 'k1' &&
      options.klCoef > 0 && {
        flag: '--kl_estimator',
        problem: 'k1 in the loss has no effect: the mean of its gradient is 0',
        fix: 'give --kl_estimator k3+ (or k2, k3, exact), or --kl_coef 0',
      },
    options.klTarget > 0 &&
      options.klCoef === 0 && {
        flag: '--kl_target',
        problem: 'without --kl_coef there is no weight of the KL to adapt',
        fix: 'give a --kl_coef above 0 as the initial weight',
      },
    options.klTarget > 0 &&
      options.klHorizon < sequences && {
        flag: '--kl_horizon',
        problem: `a step samples ${sequences} completions, more than the horizon of ${options.klHorizon}`,
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
        problem: 'cispo clips the ratio only above',
        fix: 'give --clip_ratio_high, and no --clip_ratio',
      },
    options.overlongBuffer > maxNewTokens && {
      flag: '--overlong_buffer',
      problem: `completions have at most ${maxNewTokens} tokens, fewer than the buffer of ${options.overlongBuffer}`,
      fix: 'give at most --max_gen_len',
    },
  ];
  for (const found of contradictions) {
    if (found) throw new BadOptionError(found.flag, found.problem, found.fix);
  }
}
