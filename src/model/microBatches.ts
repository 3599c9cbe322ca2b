/** Limit the tokens of a forward and backward pass, and split batches accordingly. */
import type { Device } from '../gpu/device.ts';
import type { Layer } from './layers/layer.ts';

/** Return the smallest n·2^k ≥ `count` with 8 < n ≤ 16 (or a small `count`): few sizes, at most an eighth of padding. */
export function paddedSize(count: number): number {
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, count))) - 4);
  return Math.ceil(count / step) * step;
}

/** The parts of a `Transformer` that limit the length of a pass. */
interface PassSize {
  readonly device: Pick<Device, 'limits'>;
  readonly decoder: Pick<Layer, 'mostRows'>;
}

/**
 * Return the maximum number of tokens of one pass, with padded sizes, such that each of its tensors fits a binding. At least 1:
 * if a single token does not fit, the op that makes the tensor throws.
 */
export function mostTokens({ device, decoder }: PassSize): number {
  const rows = decoder.mostRows(Math.floor(device.limits.maxStorageBufferBindingSize / 4));
  return paddedSizeBelow(Math.max(1, rows));
}

/** Return the largest padded size up to `count`. */
function paddedSizeBelow(count: number): number {
  const next = paddedSize(count);
  if (next === count) return count;
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(count)) - 4);
  return Math.floor(count / step) * step;
}

/** Consecutive sequences for one pass. */
export interface Part<Sequence> {
  readonly sequences: readonly Sequence[];
  /** Number of input tokens in all earlier parts. */
  readonly firstRow: number;
}

/** Split a batch into parts of at most `tokens` input tokens, but at least one sequence. */
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
