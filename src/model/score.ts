/** Score given tokens by a forward pass, for supervised training and policy gradients. */
import { ATTENTION_TILE_ROWS } from '../kernels/attention/index.ts';
import { NO_ROW } from '../kernels/rows.ts';
import { cat, inverseRows, logSoftmaxGather, Tensor, takeRows, tilesOf } from '../tensor/index.ts';
import type { ForwardOptions } from './layers/pass.ts';
import { mostTokens, paddedSize, partsOf } from './microBatches.ts';
import type { Transformer } from './transformer.ts';

/** A sequence whose tokens from index `from` (at least 1) are scored, each given the tokens before it. */
export interface ScoredSequence {
  readonly tokens: readonly number[];
  readonly from: number;
  /** With top-k, top-p or min-p: the ids that each scored token was sampled from, as in `Completion`. */
  readonly kept?: Uint32Array | undefined;
}

export const scoredCount = ({ tokens, from }: ScoredSequence): number => tokens.length - from;

/** Arrays or tensors of R input tokens packed end to end, with N scored positions. */
export interface Packed<Values> {
  /** (R) */
  readonly tokens: Values;
  /** (tiles,4), see `RowTiles`. */
  readonly tiles: Values;
  /** (N): the row that predicts each scored token. */
  readonly rows: Values;
  /** (R): the index of each row among the scored ones. */
  readonly inverse: Values;
  /** (N): the scored tokens. */
  readonly targets: Values;
  /** (N, ⌈V/32⌉): the ids that each was sampled from. */
  readonly kept?: Values | undefined;
}

/** Sequences as arrays. The first `rows` rows and `scored` positions belong to them, the rest is padding. */
export interface PackedSequences {
  readonly arrays: Packed<Uint32Array<ArrayBuffer>>;
  readonly rows: number;
  readonly scored: number;
}

/**
 * Pack sequences. The last token of a sequence is not an input. With `padded`, all sizes are rounded up to size classes, so that
 * few recordings serve all batches. Padding consists of rows in short empty sequences, tiles without rows, and scored
 * positions that no row predicts. Its gradients are exactly 0 if its weight in the loss is.
 */
export function packSequences(
  { config }: Pick<Transformer, 'config'>,
  sequences: readonly ScoredSequence[],
  { padded = false } = {},
): PackedSequences {
  const tileRows = ATTENTION_TILE_ROWS;
  const lengths = sequences.map(({ tokens }) => tokens.length - 1);
  const real = lengths.reduce((sum, length) => sum + length, 0);
  const scored = sequences.reduce((sum, sequence) => sum + scoredCount(sequence), 0);
  const size = padded ? paddedSize : (count: number): number => count;
  const R = size(real);
  for (let left = R - real; left > 0; left -= tileRows) lengths.push(Math.min(left, tileRows));
  const tileValues = tilesOf(lengths, tileRows);
  const tiles = new Uint32Array(4 * size(tileValues.length / 4));
  tiles.set(tileValues);
  const tokens = new Uint32Array(R);
  const rows = new Uint32Array(size(scored)).fill(NO_ROW);
  const targets = new Uint32Array(rows.length);
  let row = 0;
  let at = 0;
  for (const { tokens: ids, from } of sequences) {
    for (let t = 1; t < ids.length; t++, row++) {
      tokens[row] = ids[t - 1] as number;
      if (t < from) continue;
      rows[at] = row;
      targets[at++] = ids[t] as number;
    }
  }
  const inverse = inverseRows(rows.subarray(0, scored), R);
  const kept = keptMasks(sequences, rows.length, Math.ceil(config.vocabSize / 32));
  return { arrays: { tokens, tiles, rows, inverse, targets, kept }, rows: real, scored };
}

function keptMasks(
  sequences: readonly ScoredSequence[],
  count: number,
  words: number,
): Uint32Array<ArrayBuffer> | undefined {
  if (!sequences.some(({ kept }) => kept)) return undefined;
  const masks = new Uint32Array(count * words).fill(0xffff_ffff);
  let offset = 0;
  for (const sequence of sequences) {
    if (sequence.kept) masks.set(sequence.kept, offset);
    offset += scoredCount(sequence) * words;
  }
  return masks;
}

export interface ScoreOptions extends ForwardOptions {
  readonly temperature?: number;
}

/** Log-probabilities and entropies (N) of scored tokens, in nats. */
export interface Scores {
  readonly logp: Tensor;
  readonly entropy: Tensor;
}

/** Scores, and the logits that they are computed from. */
export interface PackedScores extends Scores {
  /** (N,V): before temperature and filters. */
  readonly logits: Tensor;
}

/** Compute the logits (N,V) that predict the scored tokens. */
export function packedLogits(
  model: Transformer,
  { tokens, tiles, rows: index, inverse }: Packed<Tensor>,
  options: ForwardOptions = {},
): Tensor {
  const hidden = model.hidden(tokens, { rows: tokens.size, tiles: () => tiles }, options);
  return model.logits(takeRows(hidden, { index, inverse }));
}

/** Compute log-probability and entropy (N) of the scored tokens. The output layer runs only for scored positions. */
export function scorePacked(
  model: Transformer,
  packed: Packed<Tensor>,
  options: ScoreOptions = {},
): PackedScores {
  const { targets, kept } = packed;
  const logits = packedLogits(model, packed, options);
  const { temperature = 1 } = options;
  return { logits, ...logSoftmaxGather(logits, targets, { temperature, kept }) };
}

/**
 * Compute log-probability and entropy (N) of the scored tokens of sequences, in order. A batch that exceeds a binding is
 * computed in parts, so its logits are never all in memory.
 */
export function scoreTokens(
  model: Transformer,
  sequences: readonly ScoredSequence[],
  options: ScoreOptions = {},
): Scores {
  const parts = partsOf(sequences, mostTokens(model));
  const scores = parts.map((part) => {
    const { dropout } = options;
    const masks = dropout && { dropout: { ...dropout, firstRow: part.firstRow } };
    return scorePart(model, part.sequences, { ...options, ...masks });
  });
  const [only] = scores;
  if (only && scores.length === 1) return only;
  if (!only) return scorePart(model, sequences, options);
  const joined = (name: keyof Scores): Tensor => cat(scores.map((part) => part[name]));
  return { logp: joined('logp'), entropy: joined('entropy') };
}

function scorePart(model: Transformer, sequences: readonly ScoredSequence[], options: ScoreOptions): Scores {
  const { logp, entropy } = scorePacked(model, uploadSequences(model, sequences), options);
  return { logp, entropy };
}

/** Pack sequences without padding, and upload them. */
export function uploadSequences(model: Transformer, sequences: readonly ScoredSequence[]): Packed<Tensor> {
  const { tokens, tiles, rows, inverse, targets, kept } = packSequences(model, sequences).arrays;
  const upload = (values: Uint32Array<ArrayBuffer>): Tensor => Tensor.from(model.device, values);
  return {
    tokens: upload(tokens),
    tiles: upload(tiles),
    rows: upload(rows),
    inverse: upload(inverse),
    targets: upload(targets),
    kept: kept && upload(kept),
  };
}
