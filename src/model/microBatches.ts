/** Limits the tokens of a forward and backward pass, and cuts batches to that. */
import type { Device } from '../gpu/device.ts';
import type { Layer } from './layers/layer.ts';

/** The least n·2^k ≥ `count` with 8 < n ≤ 16 (or `count`, if it is small): few sizes, at most an eighth of padding. */
export function paddedSize(count: number): number {
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, count))) - 4);
  return Math.ceil(count / step) * step;
}

/** What the length of a pass depends on: a `Transformer` has it. */
interface PassSize {
  readonly device: Pick<Device, 'limits'>;
  readonly decoder: Pick<Layer, 'mostRows'>;
}

/**
 * The most tokens of one pass, whose sizes are padded, such that each of its tensors fits a binding of the device.
 * At least 1: where a single token does not fit, the op that makes the tensor says so.
 */
export function mostTokens({ device, decoder }: PassSize): number {
  const rows = decoder.mostRows(Math.floor(device.limits.maxStorageBufferBindingSize / 4));
  return paddedSizeBelow(Math.max(1, rows));
}

/** The largest padded size that is no larger than `count`. */
function paddedSizeBelow(count: number): number {
  const next = paddedSize(count);
  if (next === count) return count;
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(count)) - 4);
  return Math.floor(count / step) * step;
}

/** Sequences that follow each other, as many as a pass takes at a time. */
export interface Part<Sequence> {
  readonly sequences: readonly Sequence[];
  /** Input tokens of all parts before. */
  readonly firstRow: number;
}

/** Cuts a batch into parts of at most `tokens` input tokens, or one sequence. */
export function partsOf<Sequence extends { readonly tokens: readonly number[] }>(
  batch: readonly Sequence[],
  tokens: number,
): Part<Sequence>[] {
  const parts: { sequences: Sequence[]; readonly firstRow: number }[] = [];
  let row = 0;
  for (const sequence of batch) {
    const part = parts.at(-1);
    const length = sequence.tokens.length - 1;
    if (part && row + length - part.firstRow <= tokens) part.sequences.push(sequence);
    else parts.push({ sequences: [sequence], firstRow: row });
    row += length;
  }
  return parts;
}
