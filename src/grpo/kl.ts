/**
 * The KL divergence from the reference to the policy: estimates from the sampled token alone, with d = ℓ − ℓ_ref
 * (Schulman, "Approximating KL divergence", 2020), its exact value at a position, and the coefficient that follows it.
 *
 * As a loss, the estimates differ in the gradient that they have in expectation over the policy:
 *   k3+    that of KL(policy ‖ reference), for tokens of an earlier policy too
 *   k2     that of KL(policy ‖ reference), for tokens of the policy itself
 *   k3     that of KL(reference ‖ policy)
 *   k1     none
 * Log-ratios count as ±20 at most, and k3 as 10 at most (as in verl): at d = −16 it would be e^16. Beyond these
 * bounds the gradient is 0.
 */
import { add, clamp, exp, logSoftmax, mul, neg, square, sub, sum, type Tensor } from '../tensor/index.ts';

/** The names of the estimates, and of the KL itself. */
export const KL_NAMES = ['k3+', 'k3', 'k2', 'k1', 'exact'] as const;
/** A row of `KL_ESTIMATORS`, or the KL itself. */
export type KlName = (typeof KL_NAMES)[number];

/** Bound of a log-ratio, in nats. */
const MAX_LOG_RATIO = 20;
/** Bound of k3. */
const MAX_K3 = 10;

/** An estimate of the KL at a token. */
export interface KlEstimator {
  /**
   * From d = ℓ − ℓ_ref, any shape. `k3+` also needs ℓ − ℓ_old, the log-ratio to the policy that sampled; without it the
   * token counts as sampled by the policy itself.
   */
  readonly tensor: (d: Tensor, logRatio?: Tensor) => Tensor;
  /** The same of numbers, exact near 0. */
  readonly number: (d: number, logRatio?: number) => number;
}

const bounded = (d: Tensor): Tensor => clamp(d, -MAX_LOG_RATIO, MAX_LOG_RATIO);
const boundedNumber = (d: number): number => Math.min(Math.max(d, -MAX_LOG_RATIO), MAX_LOG_RATIO);

/** e^(−d) − 1 + d, never negative. */
const K3: KlEstimator = {
  tensor(difference) {
    const d = bounded(difference);
    return clamp(add(add(exp(neg(d)), d), -1), undefined, MAX_K3);
  },
  number(difference) {
    const d = boundedNumber(difference);
    return Math.min(Math.expm1(-d) + d, MAX_K3);
  },
};

/** Estimates of the KL at a token from d = ℓ − ℓ_ref. */
export const KL_ESTIMATORS: Readonly<Record<Exclude<KlName, 'exact'>, KlEstimator>> = {
  k1: { tensor: bounded, number: boundedNumber },
  k2: { tensor: (d) => mul(square(bounded(d)), 0.5), number: (d) => boundedNumber(d) ** 2 / 2 },
  k3: K3,
  /** k3 times the ratio, through which the gradient flows as well (TRL's `use_bias_correction_kl`); never negative. */
  'k3+': {
    tensor: (d, logRatio = sub(d, d.detach())) =>
      clamp(mul(exp(bounded(logRatio)), K3.tensor(d)), undefined, MAX_K3),
    number: (d, logRatio = 0) => Math.min(Math.exp(boundedNumber(logRatio)) * K3.number(d), MAX_K3),
  },
};

/** What the KL is between. */
interface Distribution {
  /** (N,V), before temperature and filters. */
  readonly logits: Tensor;
  /** (N): log-probability of the sampled token. */
  readonly logp: Tensor;
}

/** What else the KL depends on. */
export interface KlOptions {
  /** (N): ℓ_old, as the sampler recorded it, for `k3+`. */
  readonly oldLogp?: Tensor | undefined;
  readonly temperature?: number;
  /** (N,V): see `excludedLogits`. Filters of the sampler, for the exact KL; ℓ and ℓ_ref know them. */
  readonly excluded?: Tensor | undefined;
}

/** KL(policy ‖ reference) at each token (N), or its estimate. */
export function tokenKl(
  name: KlName,
  policy: Distribution,
  reference: Distribution,
  options: KlOptions = {},
): Tensor {
  if (name === 'exact') return exactKl(policy.logits, reference.logits, options);
  const { oldLogp } = options;
  const logRatio = name === 'k3+' && oldLogp ? sub(policy.logp, oldLogp) : undefined;
  return KL_ESTIMATORS[name].tensor(sub(policy.logp, reference.logp), logRatio);
}

/** Σ_v π(log π − log π_ref) of each row (N), from logits (N,V) of both. */
export function exactKl(
  logits: Tensor,
  refLogits: Tensor,
  { temperature = 1, excluded }: KlOptions = {},
): Tensor {
  const logProbabilities = (raw: Tensor): Tensor => {
    const scaled = mul(raw, 1 / temperature);
    return logSoftmax(excluded ? add(scaled, excluded) : scaled);
  };
  const logp = logProbabilities(logits);
  return sum(mul(exp(logp), sub(logp, logProbabilities(refLogits))), { axes: [1] });
}

/** Makes a probability 0 when added to its logit; finite, as 0·∞ is not a number. */
const EXCLUDED = -1e30;

/**
 * What makes logits (N,V) those of the kept ids alone when added to them, from kept sets (N, ⌈V/32⌉) as in
 * `Completion`.
 */
export function excludedLogits(kept: Uint32Array, vocabSize: number): Float32Array<ArrayBuffer> {
  const words = Math.ceil(vocabSize / 32);
  const offsets = new Float32Array((kept.length / words) * vocabSize);
  for (let at = 0; at < offsets.length; at++) {
    const v = at % vocabSize;
    const word = kept[Math.floor(at / vocabSize) * words + (v >> 5)] ?? 0;
    if (((word >>> (v & 31)) & 1) === 0) offsets[at] = EXCLUDED;
  }
  return offsets;
}

/** How fast the coefficient follows the KL. */
export interface AdaptiveKl {
  readonly klTarget: number;
  /** Sequences over which a lasting error of a fifth or more changes the coefficient by about a fifth. */
  readonly klHorizon: number;
}

/**
 * The coefficient β after n more sequences at this KL: β·(1 + clip(KL/target − 1, ±0.2)·n/horizon), n ≤ horizon (Ziegler
 * et al., 1909.08593, eq. 4). A KL that is no number leaves it as it is.
 */
export function adaptedKlCoef(
  klCoef: number,
  kl: number,
  sequences: number,
  { klTarget, klHorizon }: AdaptiveKl,
): number {
  const error = Math.min(Math.max(kl / klTarget - 1, -0.2), 0.2);
  return Number.isFinite(error) ? klCoef * (1 + (error * sequences) / klHorizon) : klCoef;
}
