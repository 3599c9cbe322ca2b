/**
 * GRPO and its relatives, stated exactly, on padded (B,T) arrays: advantages, the clipped surrogate, five losses, four
 * estimates of the KL divergence, entropy, and the small schedules around them.
 *
 * `mask` is 1 for sampled tokens up to and including the first <eos>, 0 elsewhere; nᵢ is its sum over row i.
 */
import {
  type Array64,
  add,
  array,
  clamp,
  div,
  equal,
  exp,
  greater,
  less,
  maskedFill,
  maximum,
  minimum,
  mul,
  neg,
  reshape,
  sub,
  sum,
  where,
} from './array.ts';

export type AdvantageKind = 'group' | 'center';
export type LossKind = 'grpo' | 'dr_grpo' | 'dapo' | 'gspo' | 'cispo';
export type KlKind = 'k1' | 'k2' | 'k3' | 'k3+';

/**
 * Per group of G consecutive rewards: R − mean (`center`), or that over (sample standard deviation + 1e-8) (`group`).
 * Exactly 0 when all rewards of the group are equal.
 */
export function advantages(
  rewards: ArrayLike<number>,
  groupSize: number,
  kind: AdvantageKind = 'group',
): Float64Array {
  if (rewards.length % groupSize !== 0) {
    throw new RangeError(`advantages: ${rewards.length} rewards are not groups of ${groupSize}`);
  }
  const result = new Float64Array(rewards.length);
  for (let start = 0; start < rewards.length; start += groupSize) {
    const group = Array.from({ length: groupSize }, (_, i) => rewards[start + i]);
    if (group.every((reward) => reward === group[0])) continue;
    const mean = group.reduce((total, reward) => total + reward, 0) / groupSize;
    const squares = group.reduce((total, reward) => total + (reward - mean) ** 2, 0);
    const scale = kind === 'center' ? 1 : Math.sqrt(squares / (groupSize - 1)) + 1e-8;
    group.forEach((reward, i) => {
      result[start + i] = (reward - mean) / scale;
    });
  }
  return result;
}

export interface ClipRange {
  /** r may fall to 1 − epsilonLow … */
  readonly epsilonLow: number;
  /** … and rise to 1 + epsilonHigh before the gradient stops. */
  readonly epsilonHigh: number;
  /** c of the dual clip: S ≥ c·A for A < 0. Absent: off. */
  readonly dualClip?: number;
}

/** S = min(rA, clip(r)·A), for A < 0 at least c·A. `ratio` and `advantage` broadcast. */
export function clippedSurrogate(ratio: Array64, advantage: Array64, clip: ClipRange): Array64 {
  const clipped = clamp(ratio, 1 - clip.epsilonLow, 1 + clip.epsilonHigh);
  const surrogate = minimum(mul(ratio, advantage), mul(clipped, advantage));
  if (clip.dualClip === undefined) return surrogate;
  return where(less(advantage, 0), maximum(surrogate, mul(advantage, clip.dualClip)), surrogate);
}

/**
 * Per-token estimates with d = ℓ − ℓ_ref, as far as 20 to either side: k1 d; k2 d²/2; k3 e^(−d) − 1 + d, at most 10; k3+
 * e^(ℓ − ℓ_old)·k3, at most 10. Where a bound holds there is no gradient.
 */
export function klEstimate(
  kind: KlKind,
  logProbs: Array64,
  refLogProbs: Array64,
  oldLogProbs: Array64 = logProbs.detach(),
): Array64 {
  const d = within(sub(logProbs, refLogProbs), -20, 20);
  switch (kind) {
    case 'k1':
      return d;
    case 'k2':
      return mul(mul(d, d), 0.5);
    case 'k3':
      return within(add(sub(exp(neg(d)), 1), d), -10, 10);
    case 'k3+': {
      const ratio = exp(within(sub(logProbs, oldLogProbs), -20, 20));
      return within(mul(ratio, klEstimate('k3', logProbs, refLogProbs)), -10, 10);
    }
    default:
      return kind satisfies never;
  }
}

/** x where it lies between the bounds, else the bound, a constant. */
function within(x: Array64, low: number, high: number): Array64 {
  return where(greater(x, high), high, where(less(x, low), low, x));
}

/** Σ_v π(log π − log π_ref) over the last axis; tokens with log π = −∞ add 0. */
export function exactKl(logProbs: Array64, refLogProbs: Array64): Array64 {
  const excluded = equal(logProbs, Number.NEGATIVE_INFINITY);
  const difference = sub(maskedFill(logProbs, excluded, 0), maskedFill(refLogProbs, excluded, 0));
  return sum(mul(maskedFill(exp(logProbs), excluded, 0), difference), -1);
}

/** −Σ_v π log π over the last axis; tokens with log π = −∞ add 0. */
export function entropy(logProbs: Array64): Array64 {
  const excluded = equal(logProbs, Number.NEGATIVE_INFINITY);
  return neg(sum(mul(maskedFill(exp(logProbs), excluded, 0), maskedFill(logProbs, excluded, 0)), -1));
}

/**
 * Return the weight of each token in the loss, (B,T): grpo and gspo m/(B·nᵢ) (equal weight of rows of any length); dr_grpo
 * m/(B·L_max); dapo and cispo m/ΣΣm. Rows without tokens, and batches without any, weigh 0.
 */
export function tokenWeights(loss: LossKind, mask: Array64, maxLength: number): Array64 {
  const [rows] = mask.shape;
  switch (loss) {
    case 'grpo':
    case 'gspo':
      return div(mask, mul(maximum(sum(mask, 1, true), 1), rows));
    case 'dr_grpo':
      return div(mask, rows * maxLength);
    case 'dapo':
    case 'cispo':
      return div(mask, Math.max(sum(mask).item(), 1));
    default:
      return loss satisfies never;
  }
}

export interface PolicyBatch {
  /** ℓ of the policy being trained, (B,T). What it holds at masked positions never matters. */
  readonly logProbs: Array64;
  /** ℓ that the sampler recorded, (B,T), a constant. */
  readonly oldLogProbs: Array64;
  /** ℓ at the start of the step, (B,T), a constant, if another policy sampled. Absent: `oldLogProbs`. */
  readonly proxLogProbs?: Array64;
  readonly mask: Array64;
  /** A, one per row, (B). */
  readonly advantages: Array64;
}

export interface PolicyLossOptions extends ClipRange {
  readonly loss: LossKind;
  /** L_max of dr_grpo: the limit on sampled tokens. */
  readonly maxLength: number;
  /** Bound of the importance weights with `proxLogProbs`. Absent: none. */
  readonly importanceCap?: number;
}

/**
 * min(e^(ℓ_prox − ℓ_old), cap): (B,T), or for gspo (B,1) of the mean over the row. 1 where the policy of the step sampled.
 */
export function importanceWeights(
  { proxLogProbs, oldLogProbs, mask }: PolicyBatch,
  { loss, importanceCap = Number.POSITIVE_INFINITY }: Pick<PolicyLossOptions, 'loss' | 'importanceCap'>,
): Array64 {
  if (!proxLogProbs) return array([1], [1, 1]);
  const difference = maskedDifference(proxLogProbs, oldLogProbs, mask);
  if (loss !== 'gspo') return minimum(exp(difference), importanceCap);
  return minimum(exp(div(sum(difference, 1, true), maximum(sum(mask, 1, true), 1))), importanceCap);
}

/** The policy part of the loss, a scalar to minimise. */
export function policyLoss(batch: PolicyBatch, options: PolicyLossOptions): Array64 {
  const { mask } = batch;
  const weights = tokenWeights(options.loss, mask, options.maxLength);
  const perRow = reshape(batch.advantages, [-1, 1]);
  const { proxLogProbs: center = batch.oldLogProbs } = batch;
  const logRatio = maskedDifference(batch.logProbs, center, mask);
  const importance = importanceWeights(batch, options);
  switch (options.loss) {
    case 'grpo':
    case 'dr_grpo':
    case 'dapo':
      return neg(sum(mul(mul(weights, importance), clippedSurrogate(exp(logRatio), perRow, options))));
    case 'gspo': {
      const [rows] = mask.shape;
      const ratio = exp(mul(sum(mul(weights, logRatio), 1, true), rows));
      const present = greater(sum(mask, 1, true), 0);
      const surrogate = mul(importance, clippedSurrogate(ratio, perRow, options));
      return neg(div(sum(mul(present, surrogate)), Math.max(rows, 1)));
    }
    case 'cispo': {
      const constant = mul(importance, minimum(exp(logRatio), 1 + options.epsilonHigh)).detach();
      return neg(
        sum(mul(mul(weights, constant), mul(perRow, maskedFill(batch.logProbs, equal(mask, 0), 0)))),
      );
    }
    default:
      return options.loss satisfies never;
  }
}

/** a − b where the mask is 1, exactly 0 elsewhere, even if a or b are not finite there. */
function maskedDifference(a: Array64, b: Array64, mask: Array64): Array64 {
  const off = equal(mask, 0);
  return sub(maskedFill(a, off, 0), maskedFill(b, off, 0));
}

export interface TotalLossOptions extends PolicyLossOptions {
  readonly klCoef?: number;
  readonly kl?: KlKind;
  readonly entropyCoef?: number;
}

export interface TotalLoss {
  /** policy + klCoef·kl − entropyCoef·entropy. */
  readonly total: Array64;
  readonly policy: Array64;
  /** Weighted as the policy loss weighs tokens. */
  readonly kl: Array64;
  readonly entropy: Array64;
}

/**
 * The whole loss.
 * @param refLogProbs ℓ of the reference model, (B,T). Absent: no KL term.
 * @param tokenKl per-position KL, (B,T), such as `exactKl`'s, used in place of the estimate from ℓ.
 * @param tokenEntropy per-position entropy, (B,T). Absent: no entropy term.
 */
export function totalLoss(
  batch: PolicyBatch & {
    readonly refLogProbs?: Array64;
    readonly tokenKl?: Array64;
    readonly tokenEntropy?: Array64;
  },
  options: TotalLossOptions,
): TotalLoss {
  const { mask, refLogProbs, tokenKl, tokenEntropy } = batch;
  const weights = tokenWeights(options.loss, mask, options.maxLength);
  const off = equal(mask, 0);
  const weighted = (perToken: Array64): Array64 => sum(mul(weights, maskedFill(perToken, off, 0)));
  const policy = policyLoss(batch, options);
  const estimate =
    refLogProbs &&
    klEstimate(
      options.kl ?? 'k3',
      maskedFill(batch.logProbs, off, 0),
      maskedFill(refLogProbs, off, 0),
      maskedFill(batch.oldLogProbs, off, 0),
    );
  const perToken = tokenKl ?? estimate;
  const kl = perToken === undefined ? array([0], []) : weighted(perToken);
  const mean = tokenEntropy === undefined ? array([0], []) : weighted(tokenEntropy);
  const penalties = sub(mul(kl, options.klCoef ?? 0), mul(mean, options.entropyCoef ?? 0));
  return { total: add(policy, penalties), policy, kl, entropy: mean };
}

export interface ClipFractions {
  /** Share of sampled tokens with A < 0 and r < 1 − ε_low. */
  readonly low: number;
  /** Share with A > 0 and r > 1 + ε_high. */
  readonly high: number;
  /** Either. */
  readonly region: number;
}

/** Return the shares of tokens whose gradient the clip removed (TRL's `clip_ratio/*`); 0 for an empty batch. */
export function clipFractions(batch: PolicyBatch, clip: ClipRange): ClipFractions {
  const { proxLogProbs: center = batch.oldLogProbs } = batch;
  const ratio = exp(maskedDifference(batch.logProbs, center, batch.mask));
  const perRow = reshape(batch.advantages, [-1, 1]);
  const count = Math.max(sum(batch.mask).item(), 1);
  const share = (hit: Array64): number => sum(mul(batch.mask, hit)).item() / count;
  const low = share(mul(less(ratio, 1 - clip.epsilonLow), less(perRow, 0)));
  const high = share(mul(greater(ratio, 1 + clip.epsilonHigh), greater(perRow, 0)));
  return { low, high, region: low + high };
}

/** β·(1 + clip(KL/target − 1, ±0.2)·n/horizon), n the sequences seen since the last change (Ziegler et al., 2019). */
export function adaptiveKlCoef(beta: number, kl: number, target: number, n: number, horizon: number): number {
  const error = Math.min(Math.max(kl / target - 1, -0.2), 0.2);
  return beta * (1 + (error * n) / horizon);
}

/** min(−(length − (L_max − buffer))/buffer·factor, 0): the penalty on a long answer (DAPO's soft overlong punishment). */
export function overlongPenalty(length: number, maxLength: number, buffer: number, factor = 1): number {
  return Math.min((-(length - (maxLength - buffer)) / buffer) * factor, 0);
}
