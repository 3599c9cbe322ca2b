/**
 * Causal self-attention with ALiBi over packed sequences, forward and backward, without the T×T scores.
 *
 * `qkv` (R, 3d) holds the projections of R tokens, sequences end to end; rows are [q | k | v], heads side by side.
 * scores = q·kᵀ/√(d/H) − slope_h·(i − j) for j ≤ i. A workgroup takes rows of one tile and one head; a lane owns one or
 * more of them, and walks the other side (keys for queries, queries for keys) block by block. On software drivers loads
 * are the cost, and more rows per lane share them; but what decides is the loop's code, which must fit the 32 KB of the
 * instruction cache: blocks of half as many rows as lanes take 0.6 to 0.8 of the time of blocks of as many, and in the
 * backward pass blocks of a quarter 0.75 to 1 of that.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { type Family, launchChosen, sizeClass } from '../../gpu/variants.ts';
import { backwardKeyValueKernel, backwardQueryKernel } from './backward.ts';
import { forwardKernel } from './forward.ts';
import {
  ATTENTION_TILE_ROWS,
  type AttentionOptions,
  type AttentionShape,
  broadcastVariant,
  canBroadcast,
  portableVariant,
} from './tile.ts';

export { ATTENTION_TILE_ROWS, type AttentionShape, attentionFits } from './tile.ts';

/** Rows per lane, and lanes per row of a block, that broadcasts come in. */
const BROADCASTS = [
  [1, 1],
  [2, 1],
  [2, 2],
  [2, 4],
  [4, 1],
  [4, 2],
  [4, 4],
] as const;

/** The rows of a lane, and the lanes that share a row of a block; another `share` is another order of sums. */
interface Preference {
  readonly own: number;
  readonly ownInShortLoops?: number;
  readonly share: number;
}

function familyOf(
  name: string,
  kernelOf: Parameters<typeof broadcastVariant>[0],
  { own, ownInShortLoops = own, share }: Preference,
): Family<AttentionOptions> {
  const portable = portableVariant(kernelOf);
  return {
    name,
    shapeClass: ({ shape: { R, heads, headDim } }) => `${heads}×${headDim} R${sizeClass(R)}`,
    variants: [portable, ...BROADCASTS.map(([rows, lanes]) => broadcastVariant(kernelOf, rows, lanes))],
    portable: portable.name,
    prefer: (device, { shape: { headDim } }) => {
      if (!canBroadcast(device, headDim)) return portable.name;
      const rows = Math.min(
        device.shortLoops ? ownInShortLoops : own,
        ATTENTION_TILE_ROWS / device.subgroupSize,
      );
      const lanes = [share, 2].find((each) => (headDim / 4) % each === 0) ?? 1;
      return broadcastVariant(kernelOf, rows, lanes).name;
    },
  };
}

const BACKWARD = { own: 4, ownInShortLoops: 2, share: 4 };

/** The kernels of the forward pass. */
export const attentionForwardFamily = familyOf('attention forward', forwardKernel, { own: 4, share: 2 });
/** Those of dQ. */
export const attentionQueryFamily = familyOf('attention backward query', backwardQueryKernel, BACKWARD);
/** Those of dK and dV. */
export const attentionKeyValueFamily = familyOf(
  'attention backward key value',
  backwardKeyValueKernel,
  BACKWARD,
);

/** out (R,d) and logSumExp (heads,R) from qkv (R,3d). */
export function attentionForward(
  device: Device,
  shape: AttentionShape,
  qkv: BufferView,
  out: BufferView,
  logSumExp: BufferView,
): void {
  launchChosen(device, attentionForwardFamily, { shape, buffers: { qkv, out, logSumExp } });
}

/** dQkv (R,3d) from dOut (R,d) and what the forward pass read and saved. */
export function attentionBackward(
  device: Device,
  shape: AttentionShape,
  saved: { readonly qkv: BufferView; readonly out: BufferView; readonly logSumExp: BufferView },
  dOut: BufferView,
  dQkv: BufferView,
): void {
  const { qkv, out, logSumExp } = saved;
  const delta = device.allocate(shape.R * shape.heads * 4);
  const query = { qkv, out, dOut, logSumExp, dQkv, delta };
  launchChosen(device, attentionQueryFamily, { shape, buffers: query });
  const keyValue = { qkv, dOut, logSumExp, delta, dQkv };
  launchChosen(device, attentionKeyValueFamily, { shape, buffers: keyValue });
  device.release(delta);
}
