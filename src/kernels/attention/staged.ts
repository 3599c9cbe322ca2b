/**
 * Layouts of the attention kernels for GPUs. A workgroup of 64 to 128 threads stages blocks of 4 to 16 rows of the other side in
 * workgroup memory. A thread owns up to four rows, so that a vec4 that it loads from there serves them all; where a head is
 * large, several threads (the lanes of a row) each hold some vec4s of it. Nothing needs subgroups.
 *
 * A vec4 of a head goes to the lane of its number modulo the number of lanes. Rows of a thread are `rowLanes` apart: a block
 * that only the later of them see is computed for these alone.
 */
import type { Device } from '../../gpu/device.ts';
import type { Heads, Side } from './heads.ts';
import type { AttentionShape } from './shape.ts';

/** The layout for which a kernel is specialised. */
export interface StagedLayout extends Heads {
  /** vec4s of a head. */
  readonly vectors: number;
  /** Rows of a thread. */
  readonly own: number;
  /** Threads that share a row. */
  readonly lanes: number;
  /** Threads of a head, each with its own rows, times `lanes`. */
  readonly rowLanes: number;
  /** Query heads of a workgroup. They share the blocks of a key-value head, or are neighbours with a block each. */
  readonly span: number;
  /** Rows of a block. */
  readonly block: number;
}

/** The parts of a head, and of a pair of rows, that a kernel keeps. */
export interface Pass {
  readonly side: Side;
  /** vec4s in registers for each vec4 of a row that a thread owns. */
  readonly state: number;
  /** Products of a pair of rows for each value of a head: of q·k, of p·v, … */
  readonly products: number;
  /** Dot products of a pair of rows, whose parts the lanes of a row add. */
  readonly sums: number;
  /** True if the scores of a block stay in registers where a row has one lane. */
  readonly scores: boolean;
}

/** The three kernels. */
export const PASSES = {
  forward: { side: 'query', state: 2, products: 2, sums: 1, scores: true },
  query: { side: 'query', state: 3, products: 3, sums: 2, scores: false },
  keyValue: { side: 'key value', state: 4, products: 4, sums: 2, scores: false },
} as const satisfies Record<string, Pass>;

/** Rows of a thread, and the most vec4s of a head that a thread holds of each. */
export interface Deal {
  readonly own: number;
  readonly held: number;
}

/** The deals that the kernels come in: what a thread holds of q is at most eight vec4s. */
export const DEALS: readonly Deal[] = [
  { own: 1, held: 2 },
  { own: 1, held: 4 },
  { own: 1, held: 8 },
  { own: 2, held: 2 },
  { own: 2, held: 4 },
  { own: 4, held: 2 },
];

/** The most rows of a thread where lanes share rows. */
const MOST_SHARED = 2;
/** Lanes of a row at most. */
const MOST_LANES = 16;
/** Most vec4s of keys that a thread multiplies without a loop. */
const MOST_UNROLLED = 16;
const LEAST_THREADS = 64;
const MOST_THREADS = 128;
/** Bytes of workgroup memory by WebGPU's defaults. */
const MEMORY = 16_384;
const VEC4 = 16;

/** Return the vec4s of a head that a thread holds. */
export const heldOf = ({ vectors, lanes }: StagedLayout): number => Math.ceil(vectors / lanes);

/**
 * Return the keys whose scores a thread keeps in registers, where it holds whole heads: fewer of larger heads, for which drivers
 * would compile the unrolled code for long.
 */
export const scoresOf = (layout: StagedLayout): number =>
  Math.max(4, Math.min(layout.block, 4 * Math.floor(MOST_UNROLLED / heldOf(layout) / 4)));

/** Return the threads of a workgroup. */
export const threadsOf = ({ lanes, rowLanes, span }: StagedLayout): number => lanes * rowLanes * span;

/** Return the rows of a workgroup, of each of its heads. */
export const rowsOf = ({ rowLanes, own }: StagedLayout): number => rowLanes * own;

/** Return the heads whose rows a block holds. */
export const stagedHeads = ({ group, span }: StagedLayout): number => (group > 1 ? 1 : span);

/** Return the vec4s that the lanes of a row hold, with zeros past the end of the head. */
export const paddedOf = (layout: StagedLayout): number => heldOf(layout) * layout.lanes;

/** Return the vec4s of workgroup memory for the parts of sums: none if a row has one lane. */
export const partsOf = (layout: StagedLayout, { sums }: Pass): number =>
  layout.lanes === 1 ? 0 : (sums * layout.own * layout.block * threadsOf(layout)) / 4;

/** Return the bytes of workgroup memory of a kernel. */
export function memoryOf(layout: StagedLayout, pass: Pass): number {
  const { block } = layout;
  const heads = stagedHeads(layout);
  const scalars = pass.side === 'key value' ? 2 * 4 * block * heads : 0;
  return VEC4 * (2 * block * heads * paddedOf(layout) + partsOf(layout, pass)) + scalars;
}

/** Return the layout of a deal for a pass over heads. */
export function layoutOf(
  { own, held }: Deal,
  pass: Pass,
  { headDim, heads, kvHeads, slopes }: Pick<AttentionShape, 'headDim' | 'heads' | 'kvHeads' | 'slopes'>,
): StagedLayout {
  const vectors = headDim / 4;
  const group = heads / kvHeads;
  const lanes = Math.ceil(vectors / held);
  const rowLanes = lanes <= 3 ? 32 : lanes <= 8 ? 16 : 8;
  const span = spanOf(lanes * rowLanes, pass.side, heads, group);
  const threads = span * lanes * rowLanes;
  const layout = {
    ...{ vectors, own, lanes, span, group },
    alibi: slopes !== undefined,
    // Whole subgroups of 32 have a head; without another head they have other rows of the same.
    rowLanes: threads < LEAST_THREADS ? LEAST_THREADS / lanes : rowLanes,
  };
  // The same for any number of rows a thread: blocks are an order of sums.
  const most = { ...layout, own: lanes === 1 ? own : MOST_SHARED };
  const block = [16, 8].find((rows) => memoryOf({ ...most, block: rows }, pass) <= MEMORY) ?? 4;
  return { ...layout, block };
}

/** Return the heads of a workgroup: all of a group that fit, or as many neighbours as fill it. */
function spanOf(threads: number, side: Side, heads: number, group: number): number {
  const spans = [1, 2, 3, 4].filter((span) => threads * span <= MOST_THREADS);
  if (group > 1) return side === 'query' ? Math.max(...spans.filter((span) => group % span === 0)) : 1;
  return spans.find((span) => heads % span === 0 && threads * span >= LEAST_THREADS) ?? 1;
}

/** Return true if the kernel of a deal exists for these heads, is not that of a smaller deal, and runs on the device. */
export function stagedFits({ limits }: Device, deal: Deal, pass: Pass, shape: AttentionShape): boolean {
  const vectors = shape.headDim / 4;
  const lanes = Math.ceil(vectors / deal.held);
  const smaller = DEALS.some(({ own, held }) => own === deal.own && held < deal.held && held >= vectors);
  if (lanes > MOST_LANES || smaller || (lanes > 1 && deal.own > MOST_SHARED)) return false;
  const layout = layoutOf(deal, pass, shape);
  const threads = threadsOf(layout);
  return (
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    threads <= limits.maxComputeWorkgroupSizeX &&
    memoryOf(layout, pass) <= Math.min(MEMORY, limits.maxComputeWorkgroupStorageSize)
  );
}
