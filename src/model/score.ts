/** Scoring given tokens: what supervised training and policy gradients both need from a forward pass. */
import { logSoftmaxGather, Packing, Tensor, takeRows } from '../tensor/index.ts';
import type { ForwardOptions, Transformer } from './transformer.ts';

/** A sequence of which the tokens from index `from` on (at least 1) are scored, each given those before it. */
export interface ScoredSequence {
  readonly tokens: readonly number[];
  readonly from: number;
  /** With top-k or top-p: what each scored token was sampled from, as in `Completion`. */
  readonly kept?: Uint32Array | undefined;
}

export const scoredCount = ({ tokens, from }: ScoredSequence): number => tokens.length - from;

/**
 * Log-probability and entropy (N) of the scored tokens of all sequences, in order. The last token of a sequence is
 * never an input, and the output layer runs for scored positions alone.
 */
export function scoreTokens(
  model: Transformer,
  sequences: readonly ScoredSequence[],
  options: ForwardOptions & { readonly temperature?: number } = {},
): { readonly logp: Tensor; readonly entropy: Tensor } {
  const { device } = model;
  const packing = new Packing(sequences.map(({ tokens }) => tokens.length - 1));
  const inputs: number[] = [];
  const rows: number[] = [];
  const targets: number[] = [];
  sequences.forEach(({ tokens, from }, i) => {
    const offset = packing.offsets[i] ?? 0;
    for (let t = 0; t < tokens.length - 1; t++) inputs.push(tokens[t] as number);
    for (let t = from; t < tokens.length; t++) {
      rows.push(offset + t - 1);
      targets.push(tokens[t] as number);
    }
  });
  const hidden = model.hidden(Tensor.from(device, Uint32Array.from(inputs)), packing, options);
  const logits = model.logits(takeRows(hidden, Uint32Array.from(rows)));
  const kept = keptMasks(sequences, rows.length, model);
  const { temperature = 1 } = options;
  return logSoftmaxGather(logits, Tensor.from(device, Uint32Array.from(targets)), { temperature, kept });
}

function keptMasks(
  sequences: readonly ScoredSequence[],
  count: number,
  model: Transformer,
): Tensor | undefined {
  if (!sequences.some(({ kept }) => kept)) return undefined;
  const words = Math.ceil(model.config.vocabSize / 32);
  const masks = new Uint32Array(count * words).fill(0xffff_ffff);
  let offset = 0;
  for (const sequence of sequences) {
    if (sequence.kept) masks.set(sequence.kept, offset);
    offset += scoredCount(sequence) * words;
  }
  return Tensor.from(model.device, masks, [count, words]);
}
