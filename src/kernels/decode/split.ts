/**
 * Decoding in splits of 256 positions, for GPUs: a workgroup has a row, a query head and a split, so that few sequences with long
 * caches occupy many workgroups. It leaves the split's maximum, sum and weighted values, which a second pass merges in order. Where
 * a slot holds one split at most, the first pass writes the result.
 *
 * Splits lie at fixed positions and a result is the same with one pass or two, so its bits follow from the sequence alone: not from
 * the batch or the room of the caches. A lane holds one vec4: heads of any size up to 256 take no more registers.
 */
import type { Device } from '../../gpu/device.ts';
import { defineKernel, gridOf, type Launch, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import type { Variant } from '../../gpu/variants.ts';
import { NO_ROW } from '../rows.ts';
import {
  DECODE_PARAMS,
  DECODE_WRITES,
  type DecodeOptions,
  decodeDistance,
  decodeReads,
  decodeSizes,
  decodeStart,
  STATE_WGSL,
} from './state.ts';

/** Positions of a split. */
export const SPLIT = 256;
/** Lanes of a workgroup, and vec4s of a head at most. */
const LANES = 64;

interface Form {
  /** vec4s of a head. */
  readonly dv: number;
  readonly alibi: boolean;
  /** True if a slot holds one split at most. */
  readonly whole: boolean;
}

const splitKernel = memoize(({ dv, alibi, whole }: Form) => {
  /** Lanes that share the positions of a vec4 of the head. */
  const parts = Math.floor(LANES / dv);
  const own = (body: string): string => `for (var j = first + lane; j < end; j += ${LANES}) { ${body} }`;
  return defineKernel({
    name: `decode attention split ${4 * dv}${alibi ? '' : ', no slopes'}${whole ? '' : ', partial'}`,
    params: { ...DECODE_PARAMS, splits: 'u32' },
    reads: decodeReads(alibi),
    writes: {
      keys: DECODE_WRITES.keys,
      values: DECODE_WRITES.values,
      out: whole ? DECODE_WRITES.out : undefined,
      sums: whole ? undefined : 'array<vec4f>',
      stats: whole ? undefined : 'array<vec2f>',
    },
    code: `${STATE_WGSL}
var<workgroup> query: array<vec4f, ${dv}>;
var<workgroup> scores: array<f32, ${SPLIT}>;
var<workgroup> totals: array<f32, ${LANES}>;
var<workgroup> partial: array<vec4f, ${LANES}>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {${decodeStart(`${dv}`, alibi)}
  let first = group.z * ${SPLIT};
  if (first > state.position) { return; }
  let end = min(first + ${SPLIT}, state.position + 1);
  let hasNewest = end > state.position;
  if (lane < ${dv}) {
    query[lane] = qkv[queryAt + lane] * params.scale;
    if (hasNewest && appends) {
      let newest = cache + state.position * ${dv} + lane;
      keys[newest] = qkv[keyAt + lane];
      values[newest] = qkv[valueAt + lane];
    }
  }
  workgroupBarrier();
  // The newest key and value are read from qkv: another workgroup of the group may append them to the cache.
  var highest = -3.0e38;
  ${own(`var products = vec4f();
    if (j < state.position) {
      for (var c = 0u; c < ${dv}; c++) { products += query[c] * keys[cache + j * ${dv} + c]; }
    } else {
      for (var c = 0u; c < ${dv}; c++) { products += query[c] * qkv[keyAt + c]; }
    }
    let score = dot(products, vec4f(1))${decodeDistance(alibi)};
    scores[j - first] = score;
    highest = max(highest, score);`)}
  totals[lane] = highest;
  workgroupBarrier();
  for (var i = 0u; i < ${LANES}; i++) { highest = max(highest, totals[i]); }
  workgroupBarrier();
  var sum = 0.0;
  ${own(`let p = exp(scores[j - first] - highest);
    scores[j - first] = p;
    sum += p;`)}
  totals[lane] = sum;
  workgroupBarrier();
  let column = lane % ${dv};
  let part = lane / ${dv};
  var o = vec4f();
  if (part < ${parts}) {
    for (var j = first + part; j < min(end, state.position); j += ${parts}) {
      o += scores[j - first] * values[cache + j * ${dv} + column];
    }
    if (hasNewest && (state.position - first) % ${parts} == part) {
      o += scores[state.position - first] * qkv[valueAt + column];
    }
  }
  partial[lane] = o;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < ${LANES}; i++) { total += totals[i]; }
  if (lane < ${dv}) {
    let value = ${unroll(parts, (p) => `partial[${p * dv} + lane]`, ' + ')};
    ${
      whole
        ? 'out[at + lane] = value / total;'
        : `let place = (row * params.heads + head) * params.splits + group.z;
    sums[place * ${dv} + lane] = value;
    if (lane == 0) { stats[place] = vec2f(highest, total); }`
    }
  }
}`,
  });
});

const mergeKernel = defineKernel({
  name: 'decode attention merge',
  params: { M: 'u32', heads: 'u32', vectors: 'u32', splits: 'u32' },
  reads: { slots: 'array<Slot>', rows: 'array<Row>', sums: 'array<vec4f>', stats: 'array<vec2f>' },
  writes: { out: 'array<vec4f>' },
  functions: STATE_WGSL,
  ...perElement(['M', 'heads', 'vectors'])`let pair = id / params.vectors;
  let slot = rows[pair / params.heads].slot;
  if (slot == ${NO_ROW}u) { return; }
  let state = slots[slot];
  if (state.finished == 1) { return; }
  let first = pair * params.splits;
  let end = first + state.position / ${SPLIT} + 1;
  var highest = -3.0e38;
  for (var i = first; i < end; i++) { highest = max(highest, stats[i].x); }
  var total = 0.0;
  var value = vec4f();
  for (var i = first; i < end; i++) {
    // Exactly 1, so that a single split is what the first pass would write.
    let weight = select(exp(stats[i].x - highest), 1.0, stats[i].x == highest);
    total += stats[i].y * weight;
    value += sums[i * params.vectors + id % params.vectors] * weight;
  }
  out[id] = value / total;`,
});

function planOf(device: Device, { shape, views }: DecodeOptions): Launch {
  const { M, heads, headDim, capacity } = shape;
  const { params, workgroups } = decodeSizes(shape);
  const vectors = headDim / 4;
  const splits = Math.ceil(capacity / SPLIT);
  const whole = splits === 1;
  const kernel = splitKernel({ dv: vectors, alibi: views.slopes !== undefined, whole });
  const sizes = { params: { ...params, splits }, workgroups: [...workgroups, splits] as const };
  if (whole) return launchOf(kernel, views, sizes);
  const parts = {
    sums: device.allocate(M * heads * splits * headDim * 4),
    stats: device.allocate(M * heads * splits * 8),
  };
  const mergeParams = { M, heads, vectors, splits };
  const { slots, rows, out } = views;
  const next = launchOf(
    mergeKernel,
    { slots, rows, out, ...parts },
    { params: mergeParams, workgroups: gridOf(mergeKernel, mergeParams) },
  );
  return { ...launchOf(kernel, { ...views, out: undefined, ...parts }, sizes), next };
}

/** A workgroup to a row, a head and a split of the positions. */
export const splitVariant: Variant<DecodeOptions> = {
  name: 'split',
  fits: () => true,
  plan: planOf,
};
