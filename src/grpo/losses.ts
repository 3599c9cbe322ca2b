/**
 * The table of policy losses. Each is −Σ_t w_t·objective_t over the tokens t of an optimiser step:
 *
 *   r = exp(ℓ − ℓ_prox), of a token or of a sequence (the geometric mean over its tokens). ℓ_prox is ℓ_old, but for steps
 *       that correct for who sampled (correction.ts)
 *   clipped surrogate: S = min(r·A, clip(r, 1 − ε_low, 1 + ε_high)·A); with dual clip max(S, c·A) where A < 0
 *
 * The weights w_t normalise over the whole optimiser step, so that the losses of its micro-batches add up to its loss.
 */
import { clamp, maximum, minimum, mul, type Tensor } from '../tensor/index.ts';
import { type ClipRange, type LossName, RATIOS, type RatioRow } from './clipping.ts';

/** Counts that the weight of a token depends on. */
export interface StepSize {
  /** B: number of sequences in the optimiser step, including those without tokens. */
  readonly sequences: number;
  /** Number of tokens in the optimiser step. */
  readonly tokens: number;
  /** n: number of tokens in the token's sequence. */
  readonly length: number;
  /** L_max: maximum number of tokens of a sequence. */
  readonly maxLength: number;
}

/** Return the objective to maximise at each token (N). `ratio` is r of the token or its sequence, `logp` the token's ℓ. */
export type Objective = (
  token: { readonly logp: Tensor; readonly ratio: Tensor; readonly advantages: Tensor },
  range: ClipRange,
) => Tensor;

/** A policy loss. */
export interface LossRow extends RatioRow {
  readonly objective: Objective;
  /** w: weight of each token of a sequence. */
  readonly weight: (size: StepSize) => number;
}

/** The clipped surrogate S (Schulman et al., 1707.06347). */
export const clippedSurrogate: Objective = ({ ratio, advantages }, range) => {
  const { clipRatio, clipRatioHigh, dualClip } = range;
  const clipped = clamp(ratio, 1 - clipRatio, 1 + clipRatioHigh);
  const surrogate = minimum(mul(ratio, advantages), mul(clipped, advantages));
  // Where A > 0, S is positive and the bound is 0: it changes nothing.
  return dualClip > 0 ? maximum(surrogate, minimum(mul(advantages, dualClip), 0)) : surrogate;
};

/** sg(min(r, 1 + ε_high))·A·ℓ, where sg stops the gradient. Every token keeps a gradient, at any ratio. */
const cappedWeight: Objective = ({ logp, ratio, advantages }, { clipRatioHigh }) =>
  mul(mul(clamp(ratio, undefined, 1 + clipRatioHigh).detach(), advantages), logp);

const evenOverSequences = ({ sequences, length }: StepSize): number => 1 / (sequences * length);
const evenOverTokens = ({ tokens }: StepSize): number => 1 / tokens;
const evenOverRoom = ({ sequences, maxLength }: StepSize): number => 1 / (sequences * maxLength);

/** The losses by name. */
export const LOSSES: Readonly<Record<LossName, LossRow>> = {
  /** DeepSeekMath: Shao et al., 2402.03300. */
  grpo: { ...RATIOS.grpo, objective: clippedSurrogate, weight: evenOverSequences },
  /** Liu et al., 2503.20783: constant denominator, so that the tokens of long sequences weigh the same. */
  dr_grpo: { ...RATIOS.dr_grpo, objective: clippedSurrogate, weight: evenOverRoom },
  /** Yu et al., 2503.14476. */
  dapo: { ...RATIOS.dapo, objective: clippedSurrogate, weight: evenOverTokens },
  /** Zheng et al., 2507.18071: r = exp(1/n·Σ_t (ℓ − ℓ_old)); all tokens of a sequence share its S. */
  gspo: { ...RATIOS.gspo, objective: clippedSurrogate, weight: evenOverSequences },
  /** MiniMax-M1, 2506.13585. */
  cispo: { ...RATIOS.cispo, objective: cappedWeight, weight: evenOverTokens },
};

/** Return the weight of a token in a loss. */
export const tokenWeight = (loss: LossName, size: StepSize): number => LOSSES[loss].weight(size);
