/**
 * Causal self-attention over packed sequences, forward and backward, without the T×T scores.
 *
 * `qkv` (R, (H + 2K)·D) holds the projections of R tokens, sequences end to end; rows are [q | k | v], H query heads and
 * K key-value heads of D values side by side. scores = q·kᵀ/√D − slope_h·(i − j) for j ≤ i; without slopes (ALiBi) the
 * second term is absent. A workgroup takes rows of one tile and one head; a lane owns one or
 * more of them, and walks the other side (keys for queries, queries for keys) block by block. On software drivers loads
 * are the cost, and more rows per lane share them; but what decides is the loop's code, which must fit the 32 KB of the
 * instruction cache: blocks of half as many rows as lanes take 0.6 to 0.8 of the time of blocks of as many, and in the
 * backward pass blocks of a quarter 0.75 to 1 of that.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import type { Kernel } from '../../gpu/kernel.ts';
import { type Family, launchChosen, launchPlan, nextPowerOfTwo, type Variant } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import { backwardKeyValueKernel, backwardQueryKernel } from './backward.ts';
import { forwardKernel } from './forward.ts';
import { headsOf, type Side } from './heads.ts';
import type { MicrokernelLayout } from './microkernel.ts';
import { microkernelBackward } from './microkernelBackward.ts';
import { microkernelForward } from './microkernelForward.ts';
import { ATTENTION_TILE_ROWS, type AttentionOptions, type AttentionShape, planOf } from './shape.ts';
import { type SplitLayout, type Sum, splitFits, splitRows } from './split.ts';
import { splitBackwardKeyValueKernel, splitBackwardQueryKernel } from './splitBackward.ts';
import { splitForwardKernel } from './splitForward.ts';
import { type PassName, preferredStaged, stagedVariants } from './stagedVariants.ts';
import {
  broadcastVariant,
  canBroadcast,
  headCount,
  type WholeKernels,
  wholeFits,
  wholePlan,
} from './tile.ts';

export { ATTENTION_TILE_ROWS, type AttentionShape } from './shape.ts';

/** The largest head that the kernels take. */
export const MAX_HEAD = 256;

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
  readonly share: number;
}

/** The kernels of one pass. */
interface Kernels extends WholeKernels {
  /** f32 beside the two rows that a lane of the portable variant loads of a block. */
  readonly scalars: number;
  readonly split: (layout: SplitLayout) => Kernel;
  readonly sum: Sum;
}

/** Runs on every adapter: holds heads whole where that fits, and splits the others. */
const portableVariant = (kernels: Kernels): Variant<AttentionOptions> => ({
  name: 'portable',
  fits: (device, { shape: { headDim } }) => portableFits(device, headDim, kernels),
  plan: (device, options) => {
    const { shape } = options;
    if (wholeFits(device, shape.headDim, kernels.scalars)) return wholePlan(kernels, options);
    const vectors = shape.headDim / 4;
    const kernel = kernels.split({ vectors, ...headsOf(shape) });
    return planOf(kernel, splitRows(vectors), headCount(kernels, options), options);
  },
});

/** Return a variant whose invocations take a tile, or the sequence that begins with it, and a head. */
const microkernelVariant = (
  kernelOf: (layout: MicrokernelLayout) => Kernel,
  side: Side,
): Variant<AttentionOptions> => ({
  name: 'microkernel',
  fits: ({ isWasm }, { shape: { headDim } }) => isWasm && headFits(headDim),
  plan: (_, options) => {
    const { shape } = options;
    const kernel = kernelOf({ vectors: shape.headDim / 4, ...headsOf(shape) });
    const launch = planOf(kernel, ATTENTION_TILE_ROWS, headCount({ side }, options), options);
    const [tiles, heads = 1, more = 1] = launch.workgroups;
    return { ...launch, workgroups: [heads, tiles, more] };
  },
});

/** Return true for the heads that attention takes. */
const headFits = (headDim: number): boolean => headDim > 0 && headDim % 4 === 0 && headDim <= MAX_HEAD;

const portableFits = (device: Device, headDim: number, { scalars, sum }: Kernels): boolean =>
  headFits(headDim) && (wholeFits(device, headDim, scalars) || splitFits(device, headDim, sum));

function familyOf(
  name: string,
  pass: PassName,
  kernels: Kernels,
  { own, share }: Preference,
  microkernel?: Variant<AttentionOptions>,
): Family<AttentionOptions> {
  const portable = portableVariant(kernels);
  return {
    name,
    shapeClass: ({ shape: { R, heads, kvHeads, headDim, slopes } }) => {
      const shared = kvHeads === heads ? '' : `/${kvHeads}`;
      return `${heads}${shared}×${headDim} R${nextPowerOfTwo(R)}${slopes ? '' : ' no slopes'}`;
    },
    variants: [
      portable,
      ...BROADCASTS.map(([rows, lanes]) => broadcastVariant(kernels, rows, lanes)),
      ...(microkernel ? [microkernel] : []),
      ...stagedVariants(pass),
    ],
    portable: portable.name,
    prefer: (device, options) => {
      const { headDim } = options.shape;
      const { attention } = defaultsOf(device);
      if (attention === 'staged') return preferredStaged(device, pass, options) ?? portable.name;
      if (attention === 'microkernel' && microkernel) return microkernel.name;
      if (attention !== 'broadcast' || !canBroadcast(device, headDim)) return portable.name;
      const rows = Math.min(own, ATTENTION_TILE_ROWS / device.subgroupSize);
      const lanes = [share, 2].find((each) => (headDim / 4) % each === 0) ?? 1;
      return broadcastVariant(kernels, rows, lanes).name;
    },
  };
}

const FORWARD: Kernels = {
  side: 'query',
  whole: forwardKernel,
  scalars: 0,
  split: splitForwardKernel,
  sum: 'f32',
};
const QUERY: Kernels = {
  side: 'query',
  whole: backwardQueryKernel,
  scalars: 0,
  split: splitBackwardQueryKernel,
  sum: 'vec2f',
};
const KEY_VALUE: Kernels = {
  side: 'key value',
  whole: backwardKeyValueKernel,
  scalars: 2,
  split: splitBackwardKeyValueKernel,
  sum: 'vec2f',
};
const BACKWARD = { own: 4, share: 4 };

/** The kernels of the forward pass. */
export const attentionForwardFamily = familyOf(
  'attention forward',
  'forward',
  FORWARD,
  { own: 4, share: 2 },
  microkernelVariant(microkernelForward, 'query'),
);
/** Computes all gradients at once. It reads what the kernels of dQ and of dK and dV read, and writes what they write. */
export const backwardMicrokernel = microkernelVariant(microkernelBackward, 'key value');
/** Those of dQ. */
export const attentionQueryFamily = familyOf('attention backward query', 'query', QUERY, BACKWARD);
/** Those of dK and dV. */
export const attentionKeyValueFamily = familyOf(
  'attention backward key value',
  'keyValue',
  KEY_VALUE,
  BACKWARD,
);

/** Return true if the kernels take heads of this size: multiples of 4 up to 256, on every adapter with WebGPU's limits. */
export const attentionFits = (device: Device, headDim: number): boolean =>
  [FORWARD, QUERY, KEY_VALUE].every((kernels) => portableFits(device, headDim, kernels));

/** out (R, heads·headDim) and logSumExp (heads,R) from qkv (R, (heads + 2·kvHeads)·headDim). */
export function attentionForward(
  device: Device,
  shape: AttentionShape,
  qkv: BufferView,
  out: BufferView,
  logSumExp: BufferView,
): void {
  launchChosen(device, attentionForwardFamily, { shape, buffers: { qkv, out, logSumExp } });
}

/** dQkv, shaped as qkv, from dOut, shaped as out. dK and dV add up the query heads of a group in order. */
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
  if (defaultsOf(device).attention === 'microkernel' && device.isWasm && !device.portableKernels) {
    launchPlan(device, backwardMicrokernel.plan(device, { shape, buffers: query }));
    device.release(delta);
    return;
  }
  launchChosen(device, attentionQueryFamily, { shape, buffers: query });
  const keyValue = { qkv, dOut, logSumExp, delta, dQkv };
  launchChosen(device, attentionKeyValueFamily, { shape, buffers: keyValue });
  device.release(delta);
}
