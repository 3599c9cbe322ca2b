/**
 * The policy losses, a table. Each is −Σ_t w_t·objective_t over the tokens t of an optimiser step:
 *
 *   r = exp(ℓ − ℓ_old), of a token or of a sequence (its tokens' geometric mean)
 *   clipped surrogate: S = min(r·A, clip(r, 1 − ε_low, 1 + ε_high)·A); with dual clip max(S, c·A) where A < 0
 *
 * The weights w_t carry the normalisation, over the whole optimiser step, so that the losses of its micro-batches add
 * up to its loss.
 */
import { clamp, maximum, minimum, mul, type Tensor } from '../tensor/index.ts';

/** The names of the losses. */
export const LOSS_NAMES = ['grpo', 'dr_grpo', 'dapo', 'gspo', 'cispo'] as const;
/** A row of `LOSSES`. */
export type LossName = (typeof LOSS_NAMES)[number];

/** ε of the losses, and c of the dual clip. */
export interface ClipRange {
  /** ε_low: r counts as 1 − this at least … */
  readonly clipRatio: number;
  /** … and, ε_high, as 1 + this at most, where that lowers the objective. */
  readonly clipRatioHigh: number;
  /** c: where A < 0 the surrogate is at least c·A (Ye et al., 1912.09729); 0 for none. */
  readonly dualClip: number;
}

/** What the weight of a token is made from. */
export interface StepSize {
  /** B: sequences in the optimiser step, those without tokens included. */
  readonly sequences: number;
  /** Tokens in the optimiser step. */
  readonly tokens: number;
  /** n: tokens of the token's own sequence. */
  readonly length: number;
  /** L_max: most tokens of a sequence. */
  readonly maxLength: number;
}

/** What is maximised at a token (N): `ratio` is r as the row has it, `logp` the token's own ℓ. */
export type Objective = (
  token: { readonly logp: Tensor; readonly ratio: Tensor; readonly advantages: Tensor },
  range: ClipRange,
) => Tensor;

/** A policy loss. */
export interface LossRow {
  /** Whose ratio r is. */
  readonly ratioOf: 'token' | 'sequence';
  readonly objective: Objective;
  /** w, of each of a sequence's tokens. */
  readonly weight: (size: StepSize) => number;
  /** ε unless told; without a `high` one, ε_high is ε_low. */
  readonly clip: { readonly low: number; readonly high?: number };
}

/** The clipped surrogate S (Schulman et al., 1707.06347). */
export const clippedSurrogate: Objective = ({ ratio, advantages }, range) => {
  const { clipRatio, clipRatioHigh, dualClip } = range;
  const clipped = clamp(ratio, 1 - clipRatio, 1 + clipRatioHigh);
  const surrogate = minimum(mul(ratio, advantages), mul(clipped, advantages));
  // Where A > 0, S is positive and the bound 0.
  return dualClip > 0 ? maximum(surrogate, minimum(mul(advantages, dualClip), 0)) : surrogate;
};

/** sg(min(r, 1 + ε_high))·A·ℓ: every token keeps a gradient, whatever its ratio. */
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
  /** Liu et al., 2503.20783: a constant denominator, so that long sequences count in full. */
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
  /** Zheng et al., 2507.18071: s = exp(1/n·Σ_t (ℓ − ℓ_old)), and every token of a sequence has its S. */
  gspo: {
    ratioOf: 'sequence',
    objective: clippedSurrogate,
    weight: evenOverSequences,
    clip: { low: 3e-4, high: 4e-4 },
  },
  /** MiniMax-M1, 2506.13585. A ratio is bounded above alone: ε_low = 1 is never reached. */
  cispo: {
    ratioOf: 'token',
    objective: cappedWeight,
    weight: evenOverTokens,
    clip: { low: 1, high: 0.28 },
  },
};

/** What a token of a sequence counts in a loss. */
export const tokenWeight = (loss: LossName, size: StepSize): number => LOSSES[loss].weight(size);

/** The ε given, and the loss's own for those that are not. */
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
