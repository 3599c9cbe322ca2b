/**
 * Attention of one new token per sequence over its key-value cache.
 *
 * A cache holds, for every slot and key-value head, `capacity` rows of headDim values. The workgroup of (row, query head)
 * first appends the new key and value at the sequence's position, then attends to everything up to it: each lane takes
 * every S-th position with a running maximum and sum, and the lanes' results are merged at the end. Rows without a
 * sequence, or whose sequence is finished, take almost no time. Heads above 64 have a kernel of their own.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS, unroll } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import {
  DECODE_PARAMS,
  DECODE_WRITES,
  decodeDistance,
  decodeReads,
  decodeStart,
  STATE_WGSL,
} from './decodeState.ts';
import { decodeWideKernel } from './decodeWide.ts';
import { laneReductions, sharedLoads, sharedStores } from './lanes.ts';

const PORTABLE_LANES = 32;
/** The largest head that a lane holds. */
const MOST_HELD = 64;
/** Vec4s of a head that a thread copies at a time. */
const MOST_COPIED = 16;

/** The lanes and heads that the kernel is compiled for. */
interface DecodeLayout {
  readonly lanes: number;
  readonly subgroup: boolean;
  /** vec4s of a head. */
  readonly dv: number;
  readonly alibi: boolean;
}

const decodeKernel = memoize(({ lanes, subgroup, dv, alibi }: DecodeLayout) => {
  const merge = subgroup
    ? `
  let highest = laneMax(maximum);
  let weight = exp(maximum - highest);
  let total = laneSum(sum * weight);
  ${unroll(dv, (c) => `let t${c} = laneSum4(o${c} * weight);`)}
  ${sharedStores(
    lanes,
    dv,
    (c) => `t${c} / total`,
    (n) => `out[at + ${n}]`,
  )}`
    : `
  maxima[lane] = maximum;
  workgroupBarrier();
  var highest = maxima[0];
  for (var i = 1u; i < ${lanes}; i++) { highest = max(highest, maxima[i]); }
  let weight = exp(maximum - highest);
  sums[lane] = sum * weight;
  ${unroll(dv, (c) => `partial[lane * ${dv} + ${c}] = o${c} * weight;`)}
  workgroupBarrier();
  for (var c = lane; c < ${dv}; c += ${lanes}) {
    var total = 0.0;
    var value = vec4f();
    for (var i = 0u; i < ${lanes}; i++) { total += sums[i]; value += partial[i * ${dv} + c]; }
    out[at + c] = value / total;
  }`;
  // The n-th vec4 of the new query, key and value.
  const ownAt = (n: string) =>
    `qkv[select(select(valueAt, keyAt, ${n} < ${2 * dv}), queryAt, ${n} < ${dv}) + ${n} % ${dv}]`;
  const own = subgroup
    ? sharedLoads(lanes, 'own', 3 * dv, ownAt)
    : unroll(3 * dv, (n) => `let own${n} = ${ownAt(`${n}u`)};`);
  const append = (cache: string, part: (c: number) => string): string =>
    subgroup
      ? sharedStores(lanes, dv, part, (n) => `${cache}[end + ${n}]`)
      : `if (lane == 0) { ${unroll(dv, (c) => `${cache}[end + ${c}] = ${part(c)};`)} }`;
  return defineKernel({
    name: `decode attention ${subgroup ? 'subgroup' : 'portable'} ${lanes}×${4 * dv}${alibi ? '' : ', no slopes'}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: DECODE_PARAMS,
    reads: decodeReads(alibi),
    writes: DECODE_WRITES,
    code: `${STATE_WGSL}
${
  subgroup
    ? laneReductions(lanes)
    : `var<workgroup> maxima: array<f32, ${lanes}>;
var<workgroup> sums: array<f32, ${lanes}>;
var<workgroup> partial: array<vec4f, ${lanes * dv}>;`
}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(${subgroup ? 'subgroup_invocation_id' : 'local_invocation_index'}) lane: u32) {${decodeStart(`${dv}`, alibi)}
  ${own}
  ${unroll(dv, (c) => `let q${c} = own${c} * params.scale; let k${c} = own${dv + c}; var o${c} = own${2 * dv + c};`)}
  // The new token itself: every lane knows it, lane 0 counts it.
  let ownScore = ${unroll(dv, (c) => `dot(q${c}, k${c})`, ' + ')};
  var maximum = select(-3.0e38, ownScore, lane == 0);
  var sum = select(0.0, 1.0, lane == 0);
  let end = cache + state.position * ${dv};
  if (appends) {
    ${append('keys', (c) => `k${c}`)}
    ${append('values', (c) => `o${c}`)}
  }
  ${unroll(dv, (c) => `o${c} = select(vec4f(), o${c}, lane == 0);`)}
  for (var j = lane; j < state.position; j += ${lanes}) {
    let key = cache + j * ${dv};
    let score = ${unroll(dv, (c) => `dot(q${c}, keys[key + ${c}])`, ' + ')}${decodeDistance(alibi)};
    let highest = max(maximum, score);
    let rescale = exp(maximum - highest);
    let p = exp(score - highest);
    maximum = highest;
    sum = sum * rescale + p;
    ${unroll(dv, (c) => `o${c} = o${c} * rescale + p * values[key + ${c}];`)}
  }
  ${merge}
}`,
  });
});

export interface DecodeShape {
  /** Rows in flight. */
  readonly M: number;
  /** Query heads. */
  readonly heads: number;
  /** Key-value heads, a divisor of heads, each for a group of them in order; as many as heads unless given. */
  readonly kvHeads?: number;
  readonly headDim: number;
  /** Positions a slot can hold. */
  readonly capacity: number;
}

export interface DecodeViews {
  /** (M, (heads + 2·kvHeads)·headDim) */
  readonly qkv: BufferView;
  /** (heads); without them scores do not fall with distance. */
  readonly slopes?: BufferView | undefined;
  /** `Slot` (slots) */
  readonly slots: BufferView;
  /** `Row` (M); the slot of a row without a sequence is `NO_ROW`. */
  readonly rows: BufferView;
  /** (slots, kvHeads, capacity, headDim), each. */
  readonly keys: BufferView;
  readonly values: BufferView;
  /** (M, heads·headDim) */
  readonly out: BufferView;
}

/** Append the new keys and values to the caches, and attend to all up to them. */
export function decodeAttention(device: Device, shape: DecodeShape, views: DecodeViews): void {
  const { M, heads, kvHeads = heads, headDim, capacity } = shape;
  const alibi = views.slopes !== undefined;
  const dv = headDim / 4;
  const params = { heads, kvHeads, capacity, scale: 1 / Math.sqrt(headDim) };
  if (headDim > MOST_HELD) {
    device.launch(decodeWideKernel(alibi), views, { ...params, vectors: dv }, [M, heads]);
    return;
  }
  const S = device.subgroupSize;
  const subgroup = S >= 4;
  const kernel = decodeKernel({ lanes: subgroup ? S : PORTABLE_LANES, subgroup, dv, alibi });
  device.launch(kernel, views, params, [M, heads]);
}

const fillKernel = memoize((hv: number) => {
  const parts = Math.ceil(hv / MOST_COPIED);
  const copied = Math.ceil(hv / parts);
  return defineKernel({
    name: `fill cache ${4 * hv}`,
    params: { R: 'u32', groupSize: 'u32', heads: 'u32', kvHeads: 'u32', capacity: 'u32' },
    reads: { qkv: 'array<vec4f>', places: 'array<vec2u>' },
    writes: { keys: 'array<vec4f>', values: 'array<vec4f>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${GROUP_INDEX} * 64 + thread;
  let head = group.z;
  if (row >= params.R) { return; }
  let place = places[row];
  let source = (row * (params.heads + 2 * params.kvHeads) + params.heads + head) * ${hv};
  let width = params.kvHeads * ${hv};
  for (var part = 0u; part < ${parts}; part++) {
    ${unroll(
      copied,
      (c) => `let c${c} = min(part * ${copied} + ${c}, ${hv - 1});
    let k${c} = qkv[source + c${c}];
    let v${c} = qkv[source + width + c${c}];`,
    )}
    for (var slot = place.x; slot < place.x + params.groupSize; slot++) {
      let at = ((slot * params.kvHeads + head) * params.capacity + place.y) * ${hv};
      ${unroll(copied, (c) => `keys[at + c${c}] = k${c}; values[at + c${c}] = v${c};`)}
    }
  }
}`,
  });
});

/** Copies the keys and values of prompts (R rows of qkv) to every slot that continues them. */
export function fillCache(
  device: Device,
  views: {
    /** (R, (heads + 2·kvHeads)·headDim) */
    readonly qkv: BufferView;
    /** u32 (R,2): of each row, the first of its `groupSize` slots, and its position in the prompt. */
    readonly places: BufferView;
    readonly keys: BufferView;
    readonly values: BufferView;
  },
  size: Omit<DecodeShape, 'M'> & { readonly R: number; readonly groupSize: number },
): void {
  const { R, groupSize, heads, kvHeads = heads, headDim, capacity } = size;
  const [x, y] = linearGrid(Math.ceil(R / 64));
  device.launch(fillKernel(headDim / 4), views, { R, groupSize, heads, kvHeads, capacity }, [x, y, kvHeads]);
}
