/**
 * The KL divergence of the policy from the reference: estimates from the sampled token alone, with d = ℓ − ℓ_ref
 * (Schulman, "Approximating KL divergence", 2020), the exact value at a position, and the adaptive coefficient.
 *
 * As a loss, the estimates differ in their expected gradient:
 *   k3+    that of KL(policy ‖ reference), also for tokens that an earlier policy sampled: E_old[(π/π_old)·k3] = E_π[k3].
 *          So its ratio is to the policy that sampled (ℓ_old), also where the clip is around another one (ℓ_prox)
 *   k2     that of KL(policy ‖ reference), only for tokens that the policy itself sampled
 *   k3     that of KL(reference ‖ policy)
 *   k1     0
 * As in verl, log-ratios are clamped to ±20 and k3 to 10 (at d = −16 it would be e^16). Beyond these bounds the gradient
 * is 0.
 */
import { expm1, exp as numberExp } from '../base/elementary.ts';
import { add, clamp, exp, logSoftmax, mul, neg, square, sub, sum, type Tensor } from '../tensor/index.ts';

/** The names of the estimates, and `exact` for the KL itself. */
export const KL_NAMES = ['k3+', 'k3', 'k2', 'k1', 'exact'] as const;
/** The name of a row of `KL_ESTIMATORS`, or `exact`. */
export type KlName = (typeof KL_NAMES)[number];

/** Bound of the absolute value of a log-ratio, in nats. */
const MAX_LOG_RATIO = 20;
/** Upper bound of k3, in nats. */
const MAX_K3 = 10;

/** An estimate of the KL at a token. */
export interface KlEstimator {
  /**
   * Return the estimate for d = ℓ − ℓ_ref, any shape. `k3+` also takes `logRatio` = ℓ − ℓ_old, from the policy that sampled
   * the token; without it the policy itself counts as the one that sampled.
   */
  readonly tensor: (d: Tensor, logRatio?: Tensor) => Tensor;
  /** Return the same for numbers; exact near 0. */
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
    return Math.min(expm1(-d) + d, MAX_K3);
  },
};

/** Estimates of the KL at a token from d = ℓ − ℓ_ref. */
export const KL_ESTIMATORS: Readonly<Record<Exclude<KlName, 'exact'>, KlEstimator>> = {
  k1: { tensor: bounded, number: boundedNumber },
  k2: {
    tensor: (d) => mul(square(bounded(d)), 0.5),
    number: (d) => (boundedNumber(d) * boundedNumber(d)) / 2,
  },
  k3: K3,
  /** k3 times the ratio, through which the gradient flows as well (TRL's `use_bias_correction_kl`); never negative. */
  'k3+': {
    tensor: (d, logRatio = sub(d, d.detach())) =>
      clamp(mul(exp(bounded(logRatio)), K3.tensor(d)), undefined, MAX_K3),
    number: (d, logRatio = 0) => Math.min(numberExp(boundedNumber(logRatio)) * K3.number(d), MAX_K3),
  },
};

/** One of the two distributions that the KL compares. */
interface Distribution {
  /** (N,V), before temperature and filters. */
  readonly logits: Tensor;
  /** (N): log-probability of the sampled token. */
  readonly logp: Tensor;
}

/** Optional inputs of the KL. */
export interface KlOptions {
  /** (N): ℓ_old, recorded by the sampler, for `k3+`. */
  readonly oldLogp?: Tensor | undefined;
  readonly temperature?: number;
  /** (N,V): the sampler's filters for the exact KL, from `excludedLogits`. ℓ and ℓ_ref already include them. */
  readonly excluded?: Tensor | undefined;
}

/** Return KL(policy ‖ reference) at each token (N), or its estimate. */
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

/** Return Σ_v π(log π − log π_ref) of each row (N), given the logits (N,V) of both. */
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

/** Added to a logit, makes its probability 0. Finite, as 0·∞ is NaN. */
const EXCLUDED = -1e30;

/**
 * Return offsets (N·V) that exclude all ids but the kept ones when added to logits (N,V). `kept` (N, ⌈V/32⌉) holds one
 * bit for each id, as in `Completion`.
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

/** Options of the adaptive coefficient. */
export interface AdaptiveKl {
  /** Desired KL, in nats per token. */
  readonly klTarget: number;
  /** Number of sequences over which a lasting error of a fifth or more changes the coefficient by about a fifth. */
  readonly klHorizon: number;
}

/**
 * Return the coefficient β after n more sequences at this KL: β·(1 + clip(KL/target − 1, ±0.2)·n/horizon), n ≤ horizon
 * (Ziegler et al., 1909.08593, eq. 4). A KL of NaN leaves β unchanged.
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
