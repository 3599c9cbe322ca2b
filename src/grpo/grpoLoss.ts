/**
 * The loss over the scored tokens of a batch, as a graph of tensor ops:
 *
 *   −Σ_t w_t·c_t·objective_t + β·Σ_t w_t·KL_t − η·Σ_t w_t·H_t
 *
 * c is the weight of the correction for who sampled, and 1 without one. It does not weigh KL and entropy: they are those of
 * the policy in training, and the estimate k3+ has a ratio of its own.
 * Objective and weights come from a row of `LOSSES`. The losses of micro-batches add up to the loss of the batch.
 */
import { MathformerError } from '../base/errors.ts';
import { add, exp, gather, mul, neg, type Scalar, scatterAdd, sub, sum, Tensor } from '../tensor/index.ts';
import { type ClipRange, clipRange, type LossName } from './clipping.ts';
import { LOSSES } from './losses.ts';

/** Inputs of the loss: one value for each scored token (N). */
export interface LossInputs {
  /** ℓ: log-probabilities under the trained policy. */
  readonly logp: Tensor;
  /** ℓ_old: log-probabilities that the sampler recorded, a constant. */
  readonly oldLogp: Tensor;
  readonly advantages: Tensor;
  /** w: weight in the loss; 0 for padding. */
  readonly weights: Tensor;
  /** Where another policy sampled than the one before the step. Without it ℓ_prox is ℓ_old, and c is 1. */
  readonly correction?: Correction | undefined;
  /** Required by losses with one ratio per sequence (`gspo`). */
  readonly sequences?: TokenSequences | undefined;
  /** KL of the policy from the reference, from `tokenKl`. Without it there is no penalty. */
  readonly kl?: Tensor | undefined;
  /** H: entropy of the policy's distribution. Without it there is no bonus. */
  readonly entropy?: Tensor | undefined;
}

/** The correction for completions that another policy sampled (correction.ts): constants for each scored token (N). */
export interface Correction {
  /** ℓ_prox: log-probabilities at the start of the step. The ratio is exp(ℓ − ℓ_prox). */
  readonly proxLogp: Tensor;
  /** c: truncated importance weights min(exp(ℓ_prox − ℓ_old), cap). */
  readonly importance: Tensor;
}

/** The sequence that each token belongs to. */
export interface TokenSequences {
  /** u32 (N): index of the token's sequence, below N. Padding has an index that no sequence has. */
  readonly index: Tensor;
  /** (N): 1/n for a sequence of n tokens; 0 for padding. */
  readonly share: Tensor;
}

/** Options of `grpoLoss`. The clip range defaults to that of the loss, the coefficients to 0. */
export interface LossOptions extends Partial<ClipRange> {
  /** Default: `grpo`. */
  readonly loss?: LossName;
  /** β: weight of the KL. */
  readonly klCoef?: Scalar;
  /** η: weight of the entropy. */
  readonly entropyCoef?: Scalar;
}

/** The loss, one value each. */
export interface Loss {
  /** The loss to minimise. */
  readonly total: Tensor;
  /** The loss without the KL penalty and the entropy bonus. */
  readonly policy: Tensor;
}

/** Return the loss of a batch. @throws MathformerError if the loss needs `sequences` and they are missing. */
export function grpoLoss(inputs: LossInputs, options: LossOptions = {}): Loss {
  const { logp, advantages, weights, correction, kl, entropy } = inputs;
  const { loss = 'grpo', klCoef = 0, entropyCoef = 0 } = options;
  const { objective } = LOSSES[loss];
  const token = { logp, ratio: ratioOf(loss, inputs), advantages };
  const corrected = correction ? mul(weights, correction.importance) : weights;
  const policy = neg(sum(mul(corrected, objective(token, clipRange(loss, options)))));
  let total = policy;
  if (kl && klCoef !== 0) total = add(total, mul(sum(mul(weights, kl)), klCoef));
  if (entropy && entropyCoef !== 0) total = sub(total, mul(sum(mul(weights, entropy)), entropyCoef));
  return { total, policy };
}

/** Return the ratio r (N): exp(ℓ − ℓ_prox) of each token, or the geometric mean over its sequence. */
function ratioOf(loss: LossName, { logp, oldLogp, correction, sequences }: LossInputs): Tensor {
  const difference = sub(logp, correction?.proxLogp ?? oldLogp);
  if (LOSSES[loss].ratioOf === 'token') return exp(difference);
  if (sequences) return exp(sequenceMean(difference, sequences));
  throw new MathformerError(`the loss ${loss} has one ratio per sequence, but \`sequences\` is missing`, {
    code: 'BAD_OPTION',
    where: 'grpoLoss',
    fix: 'give `sequences`: for each token the index of its sequence and 1/n',
  });
}

/** Return for each token (N) the mean of x (N) over its sequence. */
export function sequenceMean(x: Tensor, { index, share }: TokenSequences): Tensor {
  // N sums are enough: there are at most as many sequences as tokens.
  const means = scatterAdd(Tensor.zeros(x.device, [x.size]), 0, index, mul(x, share));
  return gather(means, 0, index);
}
