/** What a GRPO step reports, by TRL's names where TRL has one; computed in float64 from the values of each token. */
import type { Problem } from '../math/generator.ts';
import type { Completion } from '../model/sampler.ts';
import type { GrpoOptions } from './options.ts';

/** Figures of a step by name. */
export type GrpoMetrics = Readonly<Record<string, number>>;

/** Completions with their rewards: what one optimiser step learns from. */
export interface Rollout {
  readonly problems: readonly Problem[];
  readonly completions: readonly Completion[];
  readonly rewards: readonly number[];
}

/** One scored token. */
export interface TokenRecord {
  readonly logp: number;
  /** As recorded by the sampler. */
  readonly oldLogp: number;
  /** Under the reference; the policy's own without one. */
  readonly refLogp: number;
  /** Of the policy's distribution at this token, in nats. */
  readonly entropy: number;
  readonly advantage: number;
  /** In the loss. */
  readonly weight: number;
}

export interface StepSummary {
  readonly rollout: Rollout;
  readonly records: readonly TokenRecord[];
  readonly groupSize: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  readonly seconds: number;
  readonly options: Pick<GrpoOptions, 'clipRatio'>;
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

const max = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);

/** Sample standard deviation (ddof 1). */
function std(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

function groupsOf<Value>(values: readonly Value[], size: number): Value[][] {
  return Array.from({ length: values.length / size }, (_, i) => values.slice(i * size, (i + 1) * size));
}

/** The k3 estimate of the KL at one token, exact near 0. */
const k3 = ({ logp, refLogp }: TokenRecord): number => Math.expm1(refLogp - logp) + (logp - refLogp);

/** The metrics of one step. */
export function summarise(step: StepSummary): GrpoMetrics {
  const { rollout, records, groupSize, loss, gradNorm, lr, seconds } = step;
  const { completions, rewards, problems } = rollout;
  const { clipRatio } = step.options;
  const groups = groupsOf(rewards, groupSize);
  const lengths = completions.map(({ tokens }) => tokens.length);
  const ratios = records.map(({ logp, oldLogp }) => Math.exp(logp - oldLogp));
  const low = mean(
    records.map(({ advantage }, i) => ((ratios[i] ?? 1) < 1 - clipRatio && advantage < 0 ? 1 : 0)),
  );
  const high = mean(
    records.map(({ advantage }, i) => ((ratios[i] ?? 1) > 1 + clipRatio && advantage > 0 ? 1 : 0)),
  );
  const surrogate = records.map(({ advantage, weight }, i) => {
    const ratio = ratios[i] ?? 1;
    const clipped = Math.min(Math.max(ratio, 1 - clipRatio), 1 + clipRatio);
    return weight * Math.min(ratio * advantage, clipped * advantage);
  });
  const differences = records.map(({ logp, oldLogp }) => Math.abs(logp - oldLogp));
  const promptTokens = problems.reduce((sum, { expression }) => sum + expression.length + 3, 0) * groupSize;
  return {
    loss,
    policy_loss: -surrogate.reduce((sum, value) => sum + value, 0),
    kl: mean(records.map(k3)),
    entropy: mean(records.map(({ entropy }) => entropy)),
    reward: mean(rewards),
    reward_std: mean(groups.map(std)),
    frac_reward_zero_std: mean(groups.map((group) => (group.every((reward) => reward === group[0]) ? 1 : 0))),
    'clip_ratio/low_mean': low,
    'clip_ratio/high_mean': high,
    'clip_ratio/region_mean': low + high,
    'completions/mean_length': mean(lengths),
    'completions/min_length': lengths.reduce(
      (least, length) => Math.min(least, length),
      Number.POSITIVE_INFINITY,
    ),
    'completions/max_length': max(lengths),
    'completions/clipped_ratio': mean(completions.map(({ finished }) => (finished ? 0 : 1))),
    'sampling/sampling_logp_difference/mean': mean(differences),
    'sampling/sampling_logp_difference/max': max(differences),
    grad_norm: gradNorm,
    num_tokens: promptTokens + lengths.reduce((sum, length) => sum + length, 0),
    step_time: seconds,
    lr,
  };
}
