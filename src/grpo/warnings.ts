/** Signs in the metrics that a training goes nowhere, and what to do about each. */
import type { GrpoMetrics } from './metrics.ts';

/** A sign of trouble. */
export interface Warning {
  readonly name: WarningName;
  readonly problem: string;
  /** What to do. */
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
  'skipped steps',
] as const;
/** A row of the table of warnings. */
export type WarningName = (typeof WARNING_NAMES)[number];

/** Bounds beyond which there is something wrong. */
const MAX_CLIPPED = 0.2;
const MAX_KL = 1;
const MIN_ENTROPY_SHARE = 0.1;
const MAX_LOGP_DIFFERENCE = 1e-3;

interface WarningRow {
  /** What is wrong, if it is; `first` are the metrics of the first step that has an entropy. */
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
    fix: 'raise --max_gen_len; --mask_truncated leaves them out of the loss, --overlong_buffer makes length cost',
  },
  kl: {
    problem: ({ kl = 0 }) =>
      kl > MAX_KL && `the policy is ${kl.toPrecision(3)} nats a token from its reference`,
    fix: 'lower --lr, raise --kl_coef or give a --kl_target; --ref_sync_steps moves the reference along',
  },
  'entropy collapse': {
    problem: ({ entropy = 0 }, { entropy: start = 0 }) =>
      entropy < MIN_ENTROPY_SHARE * start &&
      `the entropy fell from ${start.toPrecision(3)} to ${entropy.toPrecision(3)} nats: completions are hardly random`,
    fix: 'if the reward is not as high as it should be, lower --lr, or give --entropy_coef or --clip_ratio_high 0.28',
  },
  'sampler mismatch': {
    problem: ({ 'sampling/sampling_logp_difference/mean': difference = 0 }) =>
      difference > MAX_LOGP_DIFFERENCE &&
      `log-probabilities of the sampler and the trainer differ by ${difference.toPrecision(2)} on average: they compute differently`,
    fix: 'this is a fault of the driver or of mathformer: try another --adapter, and report it',
  },
  'skipped steps': {
    problem: ({ skipped = 0 }) =>
      skipped > 0 && `${skipped} steps so far were left out, as a gradient or a reward was not finite`,
    fix: 'look at the rewards, or lower --lr; ten in a row end the training',
  },
};

/** Looks at the metrics of each step, and warns of the same thing once in `every` steps. */
export class Warnings {
  readonly #every: number;
  readonly #last = new Map<WarningName, number>();
  #first: GrpoMetrics | undefined;

  constructor({ every = 100 }: { readonly every?: number } = {}) {
    this.#every = every;
  }

  /** What there is to say after step `step`. */
  check(step: number, metrics: GrpoMetrics): Warning[] {
    // A step that trained on no token has no entropy to compare with.
    if (!Number.isNaN(metrics.entropy)) this.#first ??= metrics;
    const first = this.#first ?? metrics;
    return WARNING_NAMES.flatMap((name) => {
      const { problem, fix } = WARNINGS[name];
      const found = problem(metrics, first);
      const last = this.#last.get(name);
      if (found === false || (last !== undefined && step - last < this.#every)) return [];
      this.#last.set(name, step);
      return [{ name, problem: found, fix }];
    });
  }
}
