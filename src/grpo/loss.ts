/**
 * The GRPO loss on the scored tokens of a batch, as a graph of engine ops:
 *
 *   r = exp(ℓ − ℓ_old),  S = min(r·A, clip(r, 1 − ε, 1 + ε)·A)         (Schulman et al., 1707.06347)
 *   KL = exp(ℓ_ref − ℓ) − 1 + (ℓ − ℓ_ref)                              (k3; Schulman 2020; Shao et al., 2402.03300)
 *   loss = Σ_t w_t·(−S_t + β·KL_t)
 *
 * The weights w_t carry the normalisation, so that losses of micro-batches add up to the loss of the batch.
 */
import { add, clamp, exp, minimum, mul, neg, sub, sum, type Tensor } from '../tensor/index.ts';

/** One value for each scored token (N). */
export interface LossInputs {
  /** ℓ: log-probabilities under the policy being trained. */
  readonly logp: Tensor;
  /** ℓ_old: as recorded by the sampler, a constant. */
  readonly oldLogp: Tensor;
  /** ℓ_ref: under the frozen reference; needed if klCoef is not 0. */
  readonly refLogp?: Tensor | undefined;
  readonly advantages: Tensor;
  readonly weights: Tensor;
}

/** ε and β of the loss. */
export interface LossOptions {
  readonly clipRatio: number;
  readonly klCoef: number;
}

/** The clipped surrogate S (N). */
export function clippedSurrogate(
  logp: Tensor,
  oldLogp: Tensor,
  advantages: Tensor,
  clipRatio: number,
): Tensor {
  const ratio = exp(sub(logp, oldLogp));
  const clipped = clamp(ratio, 1 - clipRatio, 1 + clipRatio);
  return minimum(mul(ratio, advantages), mul(clipped, advantages));
}

/** The k3 estimate of KL(policy ‖ reference) per token (N): never negative, 0 where they agree. */
export function k3(logp: Tensor, refLogp: Tensor): Tensor {
  const d = sub(logp, refLogp);
  return add(add(exp(neg(d)), d), -1);
}

/** The loss, one value. */
export function grpoLoss(inputs: LossInputs, { clipRatio, klCoef }: LossOptions): Tensor {
  const { logp, oldLogp, refLogp, advantages, weights } = inputs;
  const surrogate = clippedSurrogate(logp, oldLogp, advantages, clipRatio);
  const policyLoss = neg(sum(mul(weights, surrogate)));
  if (!refLogp || klCoef === 0) return policyLoss;
  const penalty = sum(mul(weights, k3(logp, refLogp)));
  return add(policyLoss, mul(penalty, klCoef));
}
