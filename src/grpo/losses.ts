/**
 * The table of policy losses. Each is −Σ_t w_t·objective_t over the tokens t of an optimiser step:
 *
 *   r = exp(ℓ − ℓ_old), of a token or of a sequence (the geometric mean over its tokens)
 *   clipped surrogate: S = min(r·A, clip(r, 1 − ε_low, 1 + ε_high)·A); with dual clip max(S, c·A) where A < 0
 *
 * The weights w_t normalise over the whole optimiser step, so that the losses of its micro-batches add up to its loss.
 */
import { clamp, maximum, minimum, mul, type Tensor } from '../tensor/index.ts';

/** The names of the losses. */
export const LOSS_NAMES = ['grpo', 'dr_grpo', 'dapo', 'gspo', 'cispo'] as const;
/** The name of a row of `LOSSES`. */
export type LossName = (typeof LOSS_NAMES)[number];

/** Bounds of the ratio r. */
export interface ClipRange {
  /** ε_low: r is clipped at 1 − ε_low, where that lowers the objective. */
  readonly clipRatio: number;
  /** ε_high: r is clipped at 1 + ε_high, where that lowers the objective. */
  readonly clipRatioHigh: number;
  /** c of the dual clip: where A < 0 the surrogate is at least c·A (Ye et al., 1912.09729); 0 for no bound. */
  readonly dualClip: number;
}

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
export interface LossRow {
  /** Scope of the ratio r. */
  readonly ratioOf: 'token' | 'sequence';
  readonly objective: Objective;
  /** w: weight of each token of a sequence. */
  readonly weight: (size: StepSize) => number;
  /** Default ε_low and ε_high. Without `high`, ε_high equals ε_low. */
  readonly clip: { readonly low: number; readonly high?: number };
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
  grpo: {
    ratioOf: 'token',
    objective: clippedSurrogate,
    weight: evenOverSequences,
    clip: { low: 0.2 },
  },
  /** Liu et al., 2503.20783: constant denominator, so that the tokens of long sequences weigh the same. */
  dr_grpo: {
    ratioOf: 'token',
    objective: clippedSurrogate,
    weight: evenOverRoom,
    clip: { low: 0.2 },
  },
  /** Yu et al., 2503.14476. */
  dapo: {
    ratioOf: 'token',
    objective: clippedSurrogate,
    weight: evenOverTokens,
    clip: { low: 0.2, high: 0.28 },
  },
  /** Zheng et al., 2507.18071: r = exp(1/n·Σ_t (ℓ − ℓ_old)); all tokens of a sequence share its S. */
  gspo: {
    ratioOf: 'sequence',
    objective: clippedSurrogate,
    weight: evenOverSequences,
    clip: { low: 3e-4, high: 4e-4 },
  },
  /** MiniMax-M1, 2506.13585. The ratio is bounded only above: ε_low = 1 has no effect. */
  cispo: {
    ratioOf: 'token',
    objective: cappedWeight,
    weight: evenOverTokens,
    clip: { low: 1, high: 0.28 },
  },
};

/** Return the weight of a token in a loss. */
export const tokenWeight = (loss: LossName, size: StepSize): number => LOSSES[loss].weight(size);

/** Return the clip range: the given bounds, completed with the defaults of the loss. */
export function clipRange(
  loss: LossName,
  given: { readonly [name in keyof ClipRange]?: number | undefined } = {},
): ClipRange {
  const { low, high } = LOSSES[loss].clip;
  const clipRatio = given.clipRatio ?? low;
  return {
    clipRatio,
    clipRatioHigh: given.clipRatioHigh ?? high ?? clipRatio,
    dualClip: given.dualClip ?? 0,
  };
}
