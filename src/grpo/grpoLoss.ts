/**
 * The loss on the scored tokens of a batch, as a graph of engine ops:
 *
 *   −Σ_t w_t·objective_t + β·Σ_t w_t·KL_t − η·Σ_t w_t·H_t
 *
 * with objective and weights of a row of `LOSSES`. Losses of micro-batches add up to the loss of the batch.
 */
import { MathformerError } from '../base/errors.ts';
import { add, exp, gather, mul, neg, type Scalar, scatterAdd, sub, sum, Tensor } from '../tensor/index.ts';
import { type ClipRange, clipRange, LOSSES, type LossName } from './losses.ts';

/** One value for each scored token (N). */
export interface LossInputs {
  /** ℓ: log-probabilities under the policy being trained. */
  readonly logp: Tensor;
  /** ℓ_old: as recorded by the sampler, a constant. */
  readonly oldLogp: Tensor;
  readonly advantages: Tensor;
  /** w; 0 for padding. */
  readonly weights: Tensor;
  /** Needed by a loss whose ratios are those of sequences. */
  readonly sequences?: TokenSequences | undefined;
  /** From the reference to the policy, by one of `KL_ESTIMATORS` or exactly; without it there is no penalty. */
  readonly kl?: Tensor | undefined;
  /** H, of the policy's distribution; without it there is no bonus. */
  readonly entropy?: Tensor | undefined;
}

/** Which tokens belong together. */
export interface TokenSequences {
  /** u32 (N): the number of each token's sequence, below N. Padding has a number of its own. */
  readonly index: Tensor;
  /** (N): 1/n, of the sequence of each token; 0 for padding. */
  readonly share: Tensor;
}

/** Which loss. The ε not given are those of the loss; the coefficients are 0. */
export interface LossOptions extends Partial<ClipRange> {
  readonly loss?: LossName;
  /** β */
  readonly klCoef?: Scalar;
  /** η */
  readonly entropyCoef?: Scalar;
}

/** One value each. */
export interface Loss {
  /** What is minimised. */
  readonly total: Tensor;
  /** Without penalty and bonus. */
  readonly policy: Tensor;
}

/** The loss and its policy part. */
export function grpoLoss(inputs: LossInputs, options: LossOptions = {}): Loss {
  const { logp, advantages, weights, kl, entropy } = inputs;
  const { loss = 'grpo', klCoef = 0, entropyCoef = 0 } = options;
  const { objective } = LOSSES[loss];
  const token = { logp, ratio: ratioOf(loss, inputs), advantages };
  const policy = neg(sum(mul(weights, objective(token, clipRange(loss, options)))));
  let total = policy;
  if (kl && klCoef !== 0) total = add(total, mul(sum(mul(weights, kl)), klCoef));
  if (entropy && entropyCoef !== 0) total = sub(total, mul(sum(mul(weights, entropy)), entropyCoef));
  return { total, policy };
}

/** r = exp(ℓ − ℓ_old) of each token, or of its sequence (N). */
function ratioOf(loss: LossName, { logp, oldLogp, sequences }: LossInputs): Tensor {
  const difference = sub(logp, oldLogp);
  if (LOSSES[loss].ratioOf === 'token') return exp(difference);
  if (sequences) return exp(sequenceMean(difference, sequences));
  throw new MathformerError(`${loss} compares sequences, and there is nothing about them`, {
    code: 'BAD_OPTION',
    where: 'grpoLoss',
    fix: 'give `sequences`: the number of the sequence of each token, and 1/n',
  });
}

/** The mean of x (N) over the sequence of each token (N). */
export function sequenceMean(x: Tensor, { index, share }: TokenSequences): Tensor {
  // There are no more sequences than tokens.
  const means = scatterAdd(Tensor.zeros(x.device, [x.size]), 0, index, mul(x, share));
  return gather(means, 0, index);
}
