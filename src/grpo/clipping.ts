/** The ratio of each loss, the range in which it is clipped, and the rule for what counts as clipped: numbers alone, no tensors. */

import { exp } from '../base/elementary.ts';

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

/** The ratio of a loss. */
export interface RatioRow {
  /** Scope of the ratio r. */
  readonly ratioOf: 'token' | 'sequence';
  /** Default ε_low and ε_high. Without `high`, ε_high equals ε_low. */
  readonly clip: { readonly low: number; readonly high?: number };
}

/** The ratios by the name of the loss; `LOSSES` gives the sources. */
export const RATIOS: Readonly<Record<LossName, RatioRow>> = {
  grpo: { ratioOf: 'token', clip: { low: 0.2 } },
  dr_grpo: { ratioOf: 'token', clip: { low: 0.2 } },
  dapo: { ratioOf: 'token', clip: { low: 0.2, high: 0.28 } },
  gspo: { ratioOf: 'sequence', clip: { low: 3e-4, high: 4e-4 } },
  // The ratio is bounded only above: ε_low = 1 has no effect.
  cispo: { ratioOf: 'token', clip: { low: 1, high: 0.28 } },
};

/** Return the clip range: the given bounds, completed with the defaults of the loss. */
export function clipRange(
  loss: LossName,
  given: { readonly [name in keyof ClipRange]?: number | undefined } = {},
): ClipRange {
  const { low, high } = RATIOS[loss].clip;
  const clipRatio = given.clipRatio ?? low;
  return {
    clipRatio,
    clipRatioHigh: given.clipRatioHigh ?? high ?? clipRatio,
    dualClip: given.dualClip ?? 0,
  };
}

/**
 * Return the side on which a ratio is clipped: `low` below 1 − ε_low where the advantage is negative, `high` above 1 + ε_high
 * where it is positive; null elsewhere. The metrics `clip_ratio/low_mean` and `clip_ratio/high_mean` are shares of these.
 */
export function clippedSide(
  ratio: number,
  advantage: number,
  { clipRatio, clipRatioHigh }: Pick<ClipRange, 'clipRatio' | 'clipRatioHigh'>,
): 'low' | 'high' | null {
  if (ratio < 1 - clipRatio && advantage < 0) return 'low';
  return ratio > 1 + clipRatioHigh && advantage > 0 ? 'high' : null;
}

/**
 * Return the importance ratio exp(ℓ_prox − ℓ_old) of each token before it is truncated. For a loss with one ratio per
 * sequence all tokens have that of the mean difference.
 */
export function importanceRatios(
  loss: LossName,
  proxLogps: ArrayLike<number>,
  logps: ArrayLike<number>,
): Float64Array {
  const differences = Float64Array.from(proxLogps, (prox, t) => prox - (logps[t] ?? Number.NaN));
  if (RATIOS[loss].ratioOf === 'token') return differences.map(exp);
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
  return differences.fill(exp(mean));
}
