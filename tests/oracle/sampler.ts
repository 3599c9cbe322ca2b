/**
 * The next-token distribution. Filters apply in this order, each to what the one before kept, renormalised:
 * temperature, top-k, top-p, min-p. All ties go to the lower token id.
 */
import { type Array64, array, logSoftmax, maskedFill, mul } from './array.ts';

export interface SamplingOptions {
  /** Divides the logits; must be positive. Default 1. */
  readonly temperature?: number;
  /** Keep the k likeliest tokens. 0 (default) keeps all. */
  readonly topK?: number;
  /** Keep the smallest set of likeliest tokens whose probability reaches p. 1 (default) keeps all. */
  readonly topP?: number;
  /** Keep tokens with at least this share of the likeliest token's probability. 0 (default) keeps all. */
  readonly minP?: number;
}

/** The likeliest token; of equals, the lowest id. */
export function greedy(logits: ArrayLike<number>): number {
  return ranked(logits)[0];
}

/** Ids from likeliest to least likely. */
function ranked(values: ArrayLike<number>): number[] {
  return Array.from(values, (_, id) => id).sort((a, b) => values[b] - values[a] || a - b);
}

/** 1 for tokens that may be sampled, else 0. The likeliest token always may. */
export function keptTokens(logits: ArrayLike<number>, options: SamplingOptions = {}): Float64Array {
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options;
  if (!(temperature > 0)) throw new RangeError(`temperature ${temperature} is not positive; use greedy()`);
  const scaled = Array.from(logits, (x) => x / temperature);
  let candidates = ranked(scaled);
  if (topK > 0) candidates = candidates.slice(0, topK);
  if (topP < 1) candidates = nucleus(candidates, scaled, topP);
  const best = scaled[candidates[0]];
  candidates = candidates.filter((id) => Math.exp(scaled[id] - best) >= minP);
  const kept = new Float64Array(logits.length);
  for (const id of candidates) kept[id] = 1;
  return kept;
}

function nucleus(candidates: readonly number[], scaled: readonly number[], topP: number): number[] {
  const weights = candidates.map((id) => Math.exp(scaled[id] - scaled[candidates[0]]));
  const total = weights.reduce((sum, w) => sum + w, 0);
  let before = 0;
  return candidates.filter((_, rank) => {
    const keep = rank === 0 || before / total < topP;
    before += weights[rank];
    return keep;
  });
}

/** Log-probabilities (N,V) of logits (N,V), renormalised over the kept set; −∞ outside. The set has no gradient. */
export function samplingLogProbs(logits: Array64, options: SamplingOptions = {}): Array64 {
  const vocabulary = logits.shape[logits.rank - 1];
  const excluded = new Float64Array(logits.size);
  for (let row = 0; row < logits.size / vocabulary; row++) {
    const kept = keptTokens(logits.data.subarray(row * vocabulary, (row + 1) * vocabulary), options);
    kept.forEach((keep, id) => {
      excluded[row * vocabulary + id] = 1 - keep;
    });
  }
  const scaled = mul(logits, 1 / (options.temperature ?? 1));
  const mask = array(excluded, logits.shape);
  return maskedFill(
    logSoftmax(maskedFill(scaled, mask, Number.NEGATIVE_INFINITY)),
    mask,
    Number.NEGATIVE_INFINITY,
  );
}

/** Probabilities of one row of logits; 0 outside the kept set. */
export function samplingProbabilities(
  logits: ArrayLike<number>,
  options: SamplingOptions = {},
): Float64Array {
  return samplingLogProbs(array(logits), options).data.map(Math.exp);
}

/** One draw by inversion: the first kept id whose cumulative probability exceeds u in [0, 1). */
export function sampleByInversion(probabilities: ArrayLike<number>, u: number): number {
  let cumulative = 0;
  let last = -1;
  for (let id = 0; id < probabilities.length; id++) {
    if (probabilities[id] === 0) continue;
    cumulative += probabilities[id];
    last = id;
    if (u < cumulative) return id;
  }
  return last;
}

/** One draw by the Gumbel-max trick: argmax of log p − log(−log u) with one uniform per token. */
export function sampleByGumbel(logProbabilities: ArrayLike<number>, uniforms: ArrayLike<number>): number {
  return greedy(Array.from(logProbabilities, (logP, id) => logP - Math.log(-Math.log(uniforms[id]))));
}
