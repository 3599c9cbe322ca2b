/** The metrics of a GRPO step, under TRL's names where TRL has one. They are computed in float64 from values per token. */
import { exp } from '../base/elementary.ts';
import type { Completion } from '../model/sampler.ts';
import type { Task } from '../tasks/task.ts';
import { areEqual } from './advantages.ts';
import { groupsOf } from './batches.ts';
import { clippedSide, importanceRatios, RATIOS } from './clipping.ts';
import type { GrpoOptions } from './options.ts';
import type { RewardValue } from './reward.ts';
import { allAbstained } from './rewardValues.ts';
import { type Rollout, sampled } from './rollout.ts';

/** Metrics of a step, by name. */
export type GrpoMetrics = Readonly<Record<string, number>>;

/** One scored token. */
export interface TokenRecord {
  readonly logp: number;
  /** Log-probability that the sampler recorded. */
  readonly oldLogp: number;
  /** ℓ_prox, around which the ratio is clipped: `oldLogp`, or where the step corrects for who sampled, computed before it. */
  readonly proxLogp: number;
  /** KL of the policy from the reference, or its estimate, in nats; NaN without a reference. */
  readonly kl: number;
  /** Entropy of the policy's distribution at this token, in nats. */
  readonly entropy: number;
}

/** One sequence in the loss. */
export interface SequenceRecord {
  readonly completion: Completion;
  readonly advantage: number;
  readonly tokens: readonly TokenRecord[];
}

/** One optimiser step. */
export interface Update {
  readonly records: readonly SequenceRecord[];
  readonly loss: number;
  /** The loss without KL and entropy. */
  readonly policyLoss: number;
  readonly gradNorm: number;
  /** Optimiser steps skipped so far because a gradient was not finite. */
  readonly skipped: number;
}

/** Values that the metrics of a step are computed from. */
export interface StepSummary {
  readonly rollout: Rollout;
  readonly task: Task;
  /** The optimiser steps, in order; none if no token was trained on. */
  readonly updates: readonly Update[];
  readonly lr: number;
  /** Weight of the KL in this step. */
  readonly klCoef: number;
  /** Steps skipped so far, because of gradients or rewards that were not finite. */
  readonly skipped: number;
  readonly seconds: number;
  /** True if the step corrects for who sampled. */
  readonly isCorrected: boolean;
  readonly options: Pick<
    GrpoOptions,
    'groupSize' | 'loss' | 'clipRatio' | 'clipRatioHigh' | 'importanceSamplingCap'
  >;
}

// Mean, maximum and minimum of no values are NaN: a value that was not measured is not 0.
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const max = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, value), values[0] ?? Number.NaN);

const min = (values: readonly number[]): number =>
  values.reduce((least, value) => Math.min(least, value), values[0] ?? Number.NaN);

/** Sample standard deviation (ddof 1); NaN of fewer than two values. */
function std(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const center = mean(values);
  const squares = values.map((value) => (value - center) * (value - center));
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / (values.length - 1));
}

/** Return the metrics of a step. Values that were not measured are NaN, such as the loss of a step without tokens. */
export function summarise(step: StepSummary): GrpoMetrics {
  const { rollout, task, updates, lr, klCoef, seconds, skipped, isCorrected, options } = step;
  const records = updates.flatMap((update) => update.records);
  const tokens = records.flatMap((record) => record.tokens);
  return {
    loss: mean(updates.map(({ loss }) => loss)),
    policy_loss: mean(updates.map(({ policyLoss }) => policyLoss)),
    kl: mean(tokens.map(({ kl }) => kl)),
    entropy: mean(tokens.map(({ entropy }) => entropy)),
    ...rewardMetrics(sampled(rollout).rewards, options.groupSize),
    ...partMetrics(sampled(rollout), options.groupSize),
    ...clipMetrics(records, options),
    ...completionMetrics(sampled(rollout)),
    ...samplingMetrics(updates[0]?.records ?? []),
    ...(isCorrected && importanceMetrics(records, options)),
    grad_norm: mean(updates.map(({ gradNorm }) => gradNorm)),
    num_tokens: tokensOf(sampled(rollout), options.groupSize, task),
    step_time: seconds,
    lr,
    kl_coef: klCoef,
    skipped,
  };
}

/** Return the metrics of a step that was skipped before it computed anything: values that were not measured are NaN. */
export function unmeasured(
  step: Omit<StepSummary, 'rollout' | 'updates'>,
  rewardNames: readonly string[],
): GrpoMetrics {
  const parts = Object.fromEntries(rewardNames.map((name) => [name, []]));
  return summarise({ ...step, rollout: { problems: [], completions: [], rewards: [], parts }, updates: [] });
}

function rewardMetrics(rewards: readonly number[], groupSize: number): GrpoMetrics {
  const groups = groupsOf(rewards, groupSize);
  return {
    reward: mean(rewards),
    reward_std: mean(groups.map(std)),
    frac_reward_zero_std: mean(groups.map((group) => (areEqual(group) ? 1 : 0))),
  };
}

/** Return each reward's mean and its deviation within groups, and the share of completions without any reward. */
function partMetrics({ parts }: Rollout, groupSize: number): GrpoMetrics {
  if (!parts) return {};
  const given = (values: readonly RewardValue[]): number[] => values.filter((value) => value !== null);
  const figures = Object.entries(parts).flatMap(([name, values]) => {
    const deviations = groupsOf(values, groupSize).map((group) => std(given(group)));
    return [
      [`rewards/${name}/mean`, mean(given(values))],
      [`rewards/${name}/std`, mean(deviations.filter((deviation) => !Number.isNaN(deviation)))],
    ] as const;
  });
  const abstained = allAbstained(parts).map((all) => (all ? 1 : 0));
  return { ...Object.fromEntries(figures), frac_reward_missing: mean(abstained) };
}

/** Return the shares of tokens (or of sequences) whose ratio is clipped below, above and in total. */
function clipMetrics(records: readonly SequenceRecord[], options: StepSummary['options']): GrpoMetrics {
  const { ratioOf } = RATIOS[options.loss];
  const sides = records.flatMap(({ advantage, tokens }) => {
    const differences = tokens.map(({ logp, proxLogp }) => logp - proxLogp);
    const logRatios = ratioOf === 'token' ? differences : [mean(differences)];
    return logRatios.map((logRatio) => clippedSide(exp(logRatio), advantage, options));
  });
  const share = (wanted: 'low' | 'high'): number => mean(sides.map((side) => (side === wanted ? 1 : 0)));
  const [low, high] = [share('low'), share('high')];
  return {
    'clip_ratio/low_mean': low,
    'clip_ratio/high_mean': high,
    'clip_ratio/region_mean': low + high,
  };
}

function completionMetrics({ completions }: Rollout): GrpoMetrics {
  const lengths = completions.map(({ tokens }) => tokens.length);
  return {
    'completions/mean_length': mean(lengths),
    'completions/min_length': min(lengths),
    'completions/max_length': max(lengths),
    'completions/clipped_ratio': mean(completions.map(({ finished }) => (finished ? 0 : 1))),
  };
}

/** Compare the trainer's log-probabilities with the sampler's, given the records of the first optimiser step. */
function samplingMetrics(records: readonly SequenceRecord[]): GrpoMetrics {
  const differences = records.flatMap(({ tokens }) =>
    tokens.map(({ logp, oldLogp }) => Math.abs(logp - oldLogp)),
  );
  return {
    'sampling/sampling_logp_difference/mean': mean(differences),
    'sampling/sampling_logp_difference/max': max(differences),
  };
}

/**
 * Return the importance weights of all tokens (or sequences) that were learnt from, as they were used, and the share of them that
 * the cap truncated.
 */
function importanceMetrics(records: readonly SequenceRecord[], options: StepSummary['options']): GrpoMetrics {
  const { loss, importanceSamplingCap: cap } = options;
  const ratios = records.flatMap(({ tokens }) => {
    const [prox, old] = [tokens.map(({ proxLogp }) => proxLogp), tokens.map(({ oldLogp }) => oldLogp)];
    const ofTokens = importanceRatios(loss, prox, old);
    return [...(RATIOS[loss].ratioOf === 'token' ? ofTokens : ofTokens.subarray(0, 1))];
  });
  const used = ratios.map((ratio) => Math.min(ratio, cap));
  return {
    'sampling/importance_sampling_ratio/min': min(used),
    'sampling/importance_sampling_ratio/mean': mean(used),
    'sampling/importance_sampling_ratio/max': max(used),
    'sampling/importance_sampling_ratio/truncated': mean(ratios.map((ratio) => (ratio > cap ? 1 : 0))),
  };
}

/** Count the tokens of all completions, each with its prompt. */
function tokensOf({ problems, completions }: Rollout, groupSize: number, task: Task): number {
  const prompts = problems.reduce((sum, problem) => sum + task.prompt(problem).length, 0) * groupSize;
  return prompts + completions.reduce((sum, { tokens }) => sum + tokens.length, 0);
}
