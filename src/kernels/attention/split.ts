/**
 * The common part of the three kernels of attention for heads of any size. Several lanes share a row, and each takes a few
 * vec4s of its head in turn, so that registers do not limit the head size. The rows of the other side come in blocks: every
 * lane computes its part of the products, one lane adds the parts of a pair of rows, and all lanes of the row continue with
 * the sum. Workgroup memory holds only these parts: heads of 256 need 16,384 bytes, WebGPU's default.
 */
import type { Device } from '../../gpu/device.ts';
import { GROUP_ARGS, unroll } from '../../gpu/kernel.ts';
import { type Heads, headWgsl, type Side } from './heads.ts';
import { ATTENTION_TILE_ROWS } from './shape.ts';

/** Maximum number of vec4s of a head per lane. More make no kernel faster on lavapipe, and compile more slowly. */
const MOST_HELD = 4;
/** Maximum number of lanes of a workgroup, by WebGPU's defaults. */
const MOST_THREADS = 256;
/** Number of rows of a block. */
const BLOCK = 8;

/** The distribution of the vec4s of a head over lanes. */
interface Deal {
  /** Number of lanes that share a row. */
  readonly lanes: number;
  /** Number of vec4s of a lane: lane, lane + lanes, …; past the end of the head they are 0. */
  readonly held: number;
  /** Number of rows of a workgroup. */
  readonly rows: number;
  readonly threads: number;
}

function dealOf(vectors: number): Deal {
  const lanes = Math.ceil(vectors / MOST_HELD);
  let rows = ATTENTION_TILE_ROWS;
  while (rows * lanes > MOST_THREADS) rows /= 2;
  return { lanes, held: Math.ceil(vectors / lanes), rows, threads: lanes * rows };
}

/** Type of the sum for a pair of rows: one product, or two. */
export type Sum = 'f32' | 'vec2f';

/** Return true if the device has the lanes and the workgroup memory for heads of `headDim`. */
export function splitFits({ limits }: Device, headDim: number, sum: Sum): boolean {
  const { threads } = dealOf(headDim / 4);
  return (
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    threads <= limits.maxComputeWorkgroupSizeX &&
    threads * BLOCK * (sum === 'f32' ? 4 : 8) <= limits.maxComputeWorkgroupStorageSize
  );
}

/** Return the number of rows of a tile for each workgroup. */
export const splitRows = (vectors: number): number => dealOf(vectors).rows;

/** The layout for which a kernel is specialised. */
export interface SplitLayout extends Heads {
  /** vec4s of a head. */
  readonly vectors: number;
}

/** Return pieces of WGSL for a layout; `sum` is the type of the sum for a pair of rows. */
export function splitWgsl(layout: SplitLayout, side: Side, sum: Sum) {
  const { vectors } = layout;
  const { lanes, held, rows, threads } = dealOf(vectors);
  const groups = ATTENTION_TILE_ROWS / rows;
  const heads = headWgsl(layout, side, { vectors: `${vectors}`, offset: ' + lane' });
  /** Vec4s of the head from the c-th of lane 0 on: fewer than lanes in the last turn only. */
  const left = (c: number): number => vectors - c * lanes;
  return {
    /** The end of the keys that the workgroup's queries see. */
    lastKey: `min(from0 + ${rows}, tile.z)`,
    /** `parts`, and the start of `main`: which tile and head this is, the lane's `row` and where its part of the head begins. */
    start: `
var<workgroup> parts: array<${sum}, ${threads * BLOCK}>;
@compute @workgroup_size(${threads})
fn main(${GROUP_ARGS}, @builtin(local_invocation_index) thread: u32) {
  let number = group.x + group.z * groups.x;
  if (number >= params.tiles * ${groups}) { return; }
  let tile = tiles[number / ${groups}];       // first row of the tile, first and end row of its sequence
  let from0 = tile.x + number % ${groups} * ${rows};       // first row of this workgroup
  if (from0 >= tile.z) { return; }
  let lane = thread % ${lanes};
  let own = thread / ${lanes} * ${lanes};       // the row's first lane
  let valid = from0 + thread / ${lanes} < tile.z;
  let row = min(from0 + thread / ${lanes}, tile.z - 1);${heads.start}`,
    heads,
    /** Repeats WGSL for the vec4s that a lane holds. */
    each: (text: (c: number) => string): string => unroll(held, text),
    /** The lane's c-th vec4 of the row of `array` that begins at `at`, or 0. */
    load: (array: string, at: string, c: number): string =>
      left(c) >= lanes
        ? `${array}[${at} + ${c * lanes}]`
        : `select(vec4f(), ${array}[${at} + select(0u, ${c * lanes}, lane < ${left(c)})], lane < ${left(c)})`,
    /** Stores it, if there is one and the row is one of the tile's. */
    store: (array: string, at: string, c: number, value: string): string =>
      `if (valid${left(c) >= lanes ? '' : ` && lane < ${left(c)}`}) { ${array}[${at} + ${c * lanes}] = ${value}; }`,
    /** Σ over the lane's vec4s. */
    dot: (a: (c: number) => string, b: (c: number) => string): string =>
      unroll(held, (c) => `dot(${a(c)}, ${b(c)})`, ' + '),
    /** Adds up `value` of the lanes of a row; all of them get `name`. */
    total: (name: string, value: string): string => `
  parts[thread] = ${value};
  workgroupBarrier();
  var ${name} = parts[own];
  for (var i = 1u; i < ${lanes}; i++) { ${name} += parts[own + i]; }`,
    /**
     * Walks rows `other` from `from` to below `end`, a block at a time: `part` is WGSL that adds a lane's products up;
     * `pair`, in terms of their `sum` over all lanes, what is kept of the pair; `use` what a block is used for.
     */
    blocks: (
      { from, end }: { readonly from: string; readonly end: string },
      { part, pair, use }: { readonly part: string; readonly pair: string; readonly use: string },
    ): string => `
  for (var first = ${from}; first < ${end}; first += ${BLOCK}) {
    // Plus 0, which the compiler does not know: it would unroll the loops, and take 20 times as long.
    let count = min(${BLOCK} + tile.w, ${end} - first);
    workgroupBarrier();
    for (var t = 0u; t < count; t++) {
      let other = first + t;
      ${part}
    }
    workgroupBarrier();
    for (var t = lane; t < count; t += ${lanes}) {
      let other = first + t;
      let at = t * ${threads} + own;
      var sum = parts[at];
      for (var i = 1u; i < ${lanes}; i++) { sum += parts[at + i]; }
      ${pair}
    }
    workgroupBarrier();
    ${use}
  }`,
    /** Place of a lane's part of row t of the block. */
    mine: `parts[t * ${threads} + thread]`,
    /** Place of the value kept for the pair. */
    kept: `parts[t * ${threads} + own]`,
  };
}
