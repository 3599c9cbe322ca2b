/** Warnings about metrics that suggest a training makes no progress, each with a remedy. */
import type { GrpoMetrics } from './metrics.ts';

/** A warning about the metrics of a step. */
export interface Warning {
  readonly name: WarningName;
  readonly problem: string;
  /** The remedy. */
  readonly fix: string;
}

/** The names of the warnings. */
export const WARNING_NAMES = [
  'equal rewards',
  'no rewards',
  'truncation',
  'kl',
  'entropy collapse',
  'sampler mismatch',
  'stale completions',
  'skipped steps',
] as const;
/** The name of a warning. */
export type WarningName = (typeof WARNING_NAMES)[number];

/** Bounds beyond which a metric is suspicious: shares, nats per token, and nats. */
const MAX_CLIPPED = 0.2;
const MAX_KL = 1;
const MIN_ENTROPY_SHARE = 0.1;
const MAX_LOGP_DIFFERENCE = 1e-3;
const MAX_TRUNCATED = 0.1;

const RATIO = 'sampling/importance_sampling_ratio';

interface WarningRow {
  /** Describe the problem; false without one. `first` holds the metrics of the first step that has an entropy. */
  readonly problem: (metrics: GrpoMetrics, first: GrpoMetrics) => string | false;
  readonly fix: string;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

const WARNINGS: Readonly<Record<WarningName, WarningRow>> = {
  'equal rewards': {
    problem: ({ frac_reward_zero_std: equal = 0, reward = 0 }) =>
      equal === 1 &&
      `in every group all rewards are equal (mean ${reward.toPrecision(3)}): there is nothing to learn`,
    fix:
      'if they are low, pretrain longer, give easier problems or --curriculum, or add --reward partial; if they are high, ' +
      'give harder problems; a larger --group_size or a higher --temperature makes completions differ',
  },
  'no rewards': {
    problem: ({ frac_reward_missing: missing = 0 }) =>
      missing > 0 && `all rewards gave null for ${percent(missing)} of the completions, which count as 0`,
    fix: 'let at least one reward give a number for every completion',
  },
  truncation: {
    problem: ({ 'completions/clipped_ratio': clipped = 0 }) =>
      clipped > MAX_CLIPPED && `${percent(clipped)} of the completions are cut off before their end`,
    fix: 'raise --max_gen_len; --mask_truncated leaves them out of the loss, --overlong_buffer penalises length',
  },
  kl: {
    problem: ({ kl = 0 }) =>
      kl > MAX_KL && `the KL of the policy from its reference is ${kl.toPrecision(3)} nats per token`,
    fix: 'lower --lr, raise --kl_coef or give a --kl_target; --ref_sync_steps updates the reference',
  },
  'entropy collapse': {
    problem: ({ entropy = 0 }, { entropy: start = 0 }) =>
      entropy < MIN_ENTROPY_SHARE * start &&
      `the entropy fell from ${start.toPrecision(3)} to ${entropy.toPrecision(3)} nats: completions hardly differ`,
    fix: 'if the reward is still low, lower --lr, or give --entropy_coef or --clip_ratio_high 0.28',
  },
  'sampler mismatch': {
    // Where the loss corrects for who sampled, a difference is expected.
    problem: ({ 'sampling/sampling_logp_difference/mean': difference = 0, [`${RATIO}/mean`]: corrected }) =>
      corrected === undefined &&
      difference > MAX_LOGP_DIFFERENCE &&
      `log-probabilities of the sampler and the trainer differ by ${difference.toPrecision(2)} nats on average`,
    fix: 'this is a fault of the driver or of mathformer: try another --adapter, and report it',
  },
  'stale completions': {
    problem: ({ [`${RATIO}/truncated`]: truncated = 0 }) =>
      truncated > MAX_TRUNCATED &&
      `${percent(truncated)} of the weights that correct for an older policy, or for another kind of machine, are cut off`,
    fix: 'lower --lr or --staleness: the completions are too far from the policy',
  },
  'skipped steps': {
    problem: ({ skipped = 0 }) =>
      skipped > 0 && `${skipped} steps so far were skipped because a gradient or a reward was not finite`,
    fix: 'check the rewards, or lower --lr; ten such steps in a row end the training',
  },
};

/** Check the metrics of each step. Each warning is given at most once in `every` steps. */
export class Warnings {
  readonly #last = new Map<WarningName, number>();
  #first: GrpoMetrics | undefined;

  constructor(private readonly options: { readonly every?: number } = {}) {}

  /** Return the warnings about the metrics of step `step`. */
  check(step: number, metrics: GrpoMetrics): Warning[] {
    // A step without trained tokens has no entropy to compare with.
    if (!Number.isNaN(metrics.entropy)) this.#first ??= metrics;
    const first = this.#first ?? metrics;
    const { every = 100 } = this.options;
    return WARNING_NAMES.flatMap((name) => {
      const { problem, fix } = WARNINGS[name];
      const found = problem(metrics, first);
      const last = this.#last.get(name);
      if (found === false || (last !== undefined && step - last < every)) return [];
      this.#last.set(name, step);
      return [{ name, problem: found, fix }];
    });
  }
}
