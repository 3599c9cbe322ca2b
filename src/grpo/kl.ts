/**
 * The KL divergence from the reference to the policy: estimates from the sampled token alone, with d = ℓ − ℓ_ref
 * (Schulman, "Approximating KL divergence", 2020), its exact value at a position, and the coefficient that follows it.
 *
 * As a loss, the estimates differ: in expectation over the policy k2 has the gradient of KL(policy ‖ reference), k3 that
 * of KL(reference ‖ policy), and k1 none.
 */
import { add, exp, logSoftmax, mul, neg, square, sub, sum, type Tensor } from '../tensor/index.ts';

/** The names of the estimates, and of the KL itself. */
export const KL_NAMES = ['k3', 'k2', 'k1', 'exact'] as const;
/** A row of `KL_ESTIMATORS`, or the KL itself. */
export type KlName = (typeof KL_NAMES)[number];

/** An estimate of the KL at a token. */
export interface KlEstimator {
  /** From d = ℓ − ℓ_ref, any shape. */
  readonly tensor: (d: Tensor) => Tensor;
  /** The same of a number, exact near 0. */
  readonly number: (d: number) => number;
}

/** Estimates of the KL at a token from d = ℓ − ℓ_ref. */
export const KL_ESTIMATORS: Readonly<Record<Exclude<KlName, 'exact'>, KlEstimator>> = {
  k1: { tensor: (d) => d, number: (d) => d },
  k2: { tensor: (d) => mul(square(d), 0.5), number: (d) => d ** 2 / 2 },
  /** Never negative. */
  k3: { tensor: (d) => add(add(exp(neg(d)), d), -1), number: (d) => Math.expm1(-d) + d },
};

/** What the KL is between. */
interface Distribution {
  /** (N,V), before temperature and filters. */
  readonly logits: Tensor;
  /** (N): log-probability of the sampled token. */
  readonly logp: Tensor;
}

/** The distributions that the exact KL is between. */
export interface KlOptions {
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
  return name === 'exact'
    ? exactKl(policy.logits, reference.logits, options)
    : KL_ESTIMATORS[name].tensor(sub(policy.logp, reference.logp));
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
