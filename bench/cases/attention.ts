/** Cases of attention: over whole sequences, and of one new token to the KV cache. */
import { ATTENTION_TILE_ROWS } from '../../src/kernels/attention/index.ts';
import { decodeAttention } from '../../src/kernels/decode/index.ts';
import { attention, backward, Packing, Tensor } from '../../src/tensor/index.ts';
import { activation, type KernelCase, randomTensors, WORD } from '../kernelCase.ts';

export interface Heads {
  readonly heads: number;
  readonly headDim: number;
}

/** Attention over B sequences of T tokens. */
export function attentionCases(B: number, T: number, { heads, headDim }: Heads): KernelCase[] {
  const d = heads * headDim;
  const R = B * T;
  const shape = `${B}×${T}, ${heads} heads of ${headDim}`;
  // Two matrix products over the lower triangle forward, five backward.
  const product = B * heads * T * (T + 1) * headDim;
  const packing = new Packing(Array.from({ length: B }, () => T));
  return [
    {
      kernel: 'attention forward',
      shape,
      flops: 2 * product,
      bytes: WORD * R * 4 * d,
      prepare: (device) => {
        const random = randomTensors(device);
        const [qkv, slopes] = [random(R, 3 * d), random(heads)];
        const tiles = packing.tiles(device, ATTENTION_TILE_ROWS); // uploaded once
        const rows = { rows: R, tiles: () => tiles };
        return () => attention(qkv, rows, { slopes });
      },
    },
    {
      kernel: 'attention forward and backward',
      shape,
      flops: 7 * product,
      bytes: WORD * R * 12 * d,
      prepare: (device) => {
        const random = randomTensors(device);
        const [qkv, slopes, dOut] = [activation(random(R, 3 * d)), random(heads), random(R, d)];
        const tiles = packing.tiles(device, ATTENTION_TILE_ROWS);
        const rows = { rows: R, tiles: () => tiles };
        return () => backward(attention(qkv, rows, { slopes }), dOut);
      },
    },
  ];
}

/** Attention of one new token in each of M sequences of `position` tokens, with a cache for `capacity` tokens. */
export function decodeCase(
  M: number,
  position: number,
  capacity: number,
  { heads, headDim }: Heads,
): KernelCase {
  const d = heads * headDim;
  return {
    kernel: 'decode attention',
    shape: `${M} at ${position}, ${heads} heads of ${headDim}`,
    flops: 4 * M * (position + 1) * d,
    // Keys and values of the earlier tokens; q, k and v of the new token; its cached key and value, and the result.
    bytes: WORD * M * d * (2 * position + 6),
    prepare: (device) => {
      const random = randomTensors(device);
      const [qkv, slopes] = [random(M, 3 * d), random(heads)];
      const [keys, values] = [random(M, heads, capacity, headDim), random(M, heads, capacity, headDim)];
      const words = (row: (i: number) => number[]): Tensor =>
        Tensor.from(device, Uint32Array.from(Array.from({ length: M }, (_, i) => row(i)).flat()));
      const slots = words(() => [position, 0, 0, 0]);
      const rows = words((i) => [i, i, i, 0]);
      const inputs = { qkv: qkv.view, slopes: slopes.view, slots: slots.view, rows: rows.view };
      const cache = { keys: keys.view, values: values.view };
      return () => {
        const out = Tensor.empty(device, [M, d]).view;
        decodeAttention(device, { M, heads, headDim, capacity }, { ...inputs, ...cache, out });
      };
    },
  };
}
