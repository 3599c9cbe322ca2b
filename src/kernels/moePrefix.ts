/**
 * Places of entries in the slots of their experts: for each chunk of entries and each expert, the first slot of the chunk's
 * entries. An expert's slots come after those of the experts before it, each rounded up to whole tiles.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, launchOf, linearGrid } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { type Family, launchChosen, nextPowerOfTwo, type Variant } from '../gpu/variants.ts';
import { defaultsOf } from './defaults.ts';
import { GROUP_ROWS } from './matmul/index.ts';
import { combinations, groupEntry, plus } from './rowGroup.ts';

interface PrefixOptions {
  /** u32 (chunks,experts): entries of each chunk by expert. */
  readonly counts: BufferView;
  /** u32 (chunks,experts): the first slot of these entries. */
  readonly starts: BufferView;
  /** u32 (experts,2): first and end slot. */
  readonly ranges: BufferView;
  /** u32 (tiles): the expert of each tile; 0 for those past the last one's. */
  readonly groupOfTile: BufferView;
  readonly experts: number;
  readonly chunks: number;
  readonly tiles: number;
}

const PARAMS = { experts: 'u32', chunks: 'u32', tiles: 'u32' } as const;
const READS = { counts: 'array<u32>' } as const;
const WRITES = { starts: 'array<u32>', ranges: 'array<vec2u>', groupOfTile: 'array<u32>' } as const;
const paramsOf = ({ experts, chunks, tiles }: PrefixOptions) => ({ experts, chunks, tiles });

/** One thread: experts are few, and chunks are entries / 64. */
const threadKernel = defineKernel({
  name: 'moe prefix',
  params: PARAMS,
  reads: READS,
  writes: WRITES,
  code: `
@compute @workgroup_size(1)
fn main() {
  var slot = 0u;
  for (var expert = 0u; expert < params.experts; expert++) {
    let first = slot;
    for (var chunk = 0u; chunk < params.chunks; chunk++) {
      starts[chunk * params.experts + expert] = slot;
      slot += counts[chunk * params.experts + expert];
    }
    ranges[expert] = vec2u(first, slot);
    let next = (slot + ${GROUP_ROWS - 1}) / ${GROUP_ROWS} * ${GROUP_ROWS};
    for (var tile = first / ${GROUP_ROWS}; tile < next / ${GROUP_ROWS}; tile++) { groupOfTile[tile] = expert; }
    slot = next;
  }
  for (var tile = slot / ${GROUP_ROWS}; tile < params.tiles; tile++) { groupOfTile[tile] = 0u; }
}`,
});

const THREADS = 256;

/**
 * A workgroup to an expert. It counts the entries of the experts before its own, `lanes` of them at a time, and then scans the
 * counts of its chunks.
 */
const scanKernel = memoize(({ lanes }: { readonly lanes: number }) => {
  const group = { lanes, rows: THREADS / lanes, beside: false, subgroup: false };
  return defineKernel({
    name: `moe prefix, scans, ${lanes} experts at a time`,
    params: PARAMS,
    reads: READS,
    writes: WRITES,
    functions: `${combinations(group, [
      { name: 'expertSum', type: 'u32', combine: plus, over: 'rows' },
      { name: 'rowSum', type: 'u32', combine: plus },
    ])}
var<workgroup> running: array<u32, ${THREADS}>;
// The sum of x over this thread and those before it, and over all.
fn scanned(x: u32, thread: u32) -> vec2u {
  var total = x;
  for (var step = 1u; step < ${THREADS}; step *= 2) {
    workgroupBarrier();
    running[thread] = total;
    workgroupBarrier();
    if (thread >= step) { total += running[thread - step]; }
  }
  workgroupBarrier();
  running[thread] = total;
  workgroupBarrier();
  return vec2u(total, running[${THREADS - 1}]);
}
fn wholeTiles(count: u32) -> u32 { return (count + ${GROUP_ROWS - 1}) / ${GROUP_ROWS} * ${GROUP_ROWS}; }`,
    code: groupEntry(
      group,
      `let expert = ${GROUP_INDEX};
  if (expert >= params.experts) { return; }
  var first = 0u;
  for (var base = 0u; base < expert; base += ${lanes}) {
    var count = 0u;
    if (base + lane < expert) {
      for (var chunk = member; chunk < params.chunks; chunk += ${group.rows}) {
        count += counts[chunk * params.experts + base + lane];
      }
    }
    first += rowSum(wholeTiles(expertSum(count, thread)), thread);
  }
  var end = first;
  for (var base = 0u; base < params.chunks; base += ${THREADS}) {
    let at = min(base + thread, params.chunks - 1) * params.experts + expert;
    let count = select(0, counts[at], base + thread < params.chunks);
    let sums = scanned(count, thread);
    if (base + thread < params.chunks) { starts[at] = end + sums.x - count; }
    end += sums.y;
  }
  if (thread == 0) { ranges[expert] = vec2u(first, end); }
  let own = wholeTiles(end) / ${GROUP_ROWS};
  let last = select(own, params.tiles, expert == params.experts - 1);
  for (var tile = first / ${GROUP_ROWS} + thread; tile < last; tile += ${THREADS}) {
    groupOfTile[tile] = select(0, expert, tile < own);
  }`,
    ),
  });
});

const thread: Variant<PrefixOptions> = {
  name: 'thread',
  fits: () => true,
  plan: (_, options) => launchOf(threadKernel, options, { params: paramsOf(options), workgroups: [1] }),
};

const scan: Variant<PrefixOptions> = {
  name: 'row',
  fits: ({ limits }) => limits.maxComputeInvocationsPerWorkgroup >= THREADS,
  plan: (_, options) => {
    const lanes = Math.min(THREADS, nextPowerOfTwo(options.experts));
    const workgroups = linearGrid(options.experts);
    return launchOf(scanKernel({ lanes }), options, { params: paramsOf(options), workgroups });
  },
};

/** The kernels. Integers: all have the same results. */
export const prefixFamily: Family<PrefixOptions> = {
  name: 'moe prefix',
  shapeClass: ({ experts, chunks }) => `${experts} experts, ${nextPowerOfTwo(chunks)} chunks`,
  variants: [thread, scan],
  portable: thread.name,
  prefer: (device) => (defaultsOf(device).rows === 'row' ? scan : thread).name,
};

/** Find the first slots. */
export const prefixSum = (device: Device, options: PrefixOptions): void =>
  launchChosen(device, prefixFamily, options);
