/**
 * Attention of one new token per sequence over its key-value cache.
 *
 * A cache holds, for every slot and head, `capacity` rows of headDim values. The workgroup of (row, head) first
 * appends the new key and value at the sequence's position, then attends to everything up to it: each lane takes
 * every S-th position with a running maximum and sum, and the lanes' results are merged at the end. Rows without a
 * sequence, or whose sequence is finished, cost nothing. Heads above 64 have a kernel of their own.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, memoize, THREAD_ARGS, unroll } from '../gpu/kernel.ts';
import { STATE_WGSL } from './decodeState.ts';
import { decodeWideKernel } from './decodeWide.ts';
import { laneReductions, sharedLoads, sharedStores } from './lanes.ts';
import { NO_ROW } from './rows.ts';

const PORTABLE_LANES = 32;
/** The largest head that a lane holds. */
const MOST_HELD = 64;
/** Vec4s of a head that a thread copies at a time. */
const MOST_COPIED = 16;

const decodeKernel = memoize((lanes: number, subgroup: boolean, dv: number) => {
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
  const ownAt = (n: string) => `qkv[source + min(${n} / ${dv}, 2) * width + ${n} % ${dv}]`;
  const own = subgroup
    ? sharedLoads(lanes, 'own', 3 * dv, ownAt)
    : unroll(3 * dv, (n) => `let own${n} = ${ownAt(`${n}u`)};`);
  const append = (cache: string, part: (c: number) => string): string =>
    subgroup
      ? sharedStores(lanes, dv, part, (n) => `${cache}[end + ${n}]`)
      : `if (lane == 0) { ${unroll(dv, (c) => `${cache}[end + ${c}] = ${part(c)};`)} }`;
  return defineKernel({
    name: `decode attention ${subgroup ? 'subgroup' : 'portable'} ${lanes}×${4 * dv}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: { heads: 'u32', capacity: 'u32', scale: 'f32' },
    reads: { qkv: 'array<vec4f>', slopes: 'array<f32>', slots: 'array<Slot>', rows: 'array<Row>' },
    writes: { keys: 'array<vec4f>', values: 'array<vec4f>', out: 'array<vec4f>' },
    code: `${STATE_WGSL}
${
  subgroup
    ? laneReductions(lanes)
    : `var<workgroup> maxima: array<f32, ${lanes}>;
var<workgroup> sums: array<f32, ${lanes}>;
var<workgroup> partial: array<vec4f, ${lanes * dv}>;`
}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(${subgroup ? 'subgroup_invocation_id' : 'local_invocation_index'}) lane: u32) {
  let row = group.x;
  let head = group.y;
  let slot = rows[row].slot;
  if (slot == ${NO_ROW}u) { return; }
  let state = slots[slot];
  if (state.finished == 1) { return; }
  let width = params.heads * ${dv};
  let at = row * width + head * ${dv};
  let source = row * 3 * width + head * ${dv};
  let cache = (slot * params.heads + head) * params.capacity * ${dv};
  let slope = slopes[head];
  ${own}
  ${unroll(dv, (c) => `let q${c} = own${c} * params.scale; let k${c} = own${dv + c}; var o${c} = own${2 * dv + c};`)}
  // The new token itself: every lane knows it, lane 0 counts it.
  let ownScore = ${unroll(dv, (c) => `dot(q${c}, k${c})`, ' + ')};
  var maximum = select(-3.0e38, ownScore, lane == 0);
  var sum = select(0.0, 1.0, lane == 0);
  let end = cache + state.position * ${dv};
  ${append('keys', (c) => `k${c}`)}
  ${append('values', (c) => `o${c}`)}
  ${unroll(dv, (c) => `o${c} = select(vec4f(), o${c}, lane == 0);`)}
  for (var j = lane; j < state.position; j += ${lanes}) {
    let key = cache + j * ${dv};
    let score = ${unroll(dv, (c) => `dot(q${c}, keys[key + ${c}])`, ' + ')} - slope * f32(state.position - j);
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
  readonly heads: number;
  readonly headDim: number;
  /** Positions a slot can hold. */
  readonly capacity: number;
}

export interface DecodeViews {
  /** (M,3d) */
  readonly qkv: BufferView;
  readonly slopes: BufferView;
  /** `Slot` (slots) */
  readonly slots: BufferView;
  /** `Row` (M); the slot of a row without a sequence is `NO_ROW`. */
  readonly rows: BufferView;
  /** (slots, heads, capacity, headDim), each. */
  readonly keys: BufferView;
  readonly values: BufferView;
  /** (M,d) */
  readonly out: BufferView;
}

export function decodeAttention(device: Device, shape: DecodeShape, views: DecodeViews): void {
  const { M, heads, headDim, capacity } = shape;
  const scale = 1 / Math.sqrt(headDim);
  if (headDim > MOST_HELD) {
    const params = { heads, capacity, scale, vectors: headDim / 4 };
    device.launch(decodeWideKernel, views, params, [M, heads]);
    return;
  }
  const S = device.subgroupSize;
  const subgroup = S >= 4;
  const kernel = decodeKernel(subgroup ? S : PORTABLE_LANES, subgroup, headDim / 4);
  device.launch(kernel, views, { heads, capacity, scale }, [M, heads]);
}

const fillKernel = memoize((hv: number) => {
  const parts = Math.ceil(hv / MOST_COPIED);
  const copied = Math.ceil(hv / parts);
  return defineKernel({
    name: `fill cache ${4 * hv}`,
    params: { R: 'u32', groupSize: 'u32', heads: 'u32', capacity: 'u32' },
    reads: { qkv: 'array<vec4f>', places: 'array<vec2u>' },
    writes: { keys: 'array<vec4f>', values: 'array<vec4f>' },
    code: `
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let row = ${GROUP_INDEX} * 64 + thread;
  let head = group.z;
  if (row >= params.R) { return; }
  let place = places[row];
  let source = (row * 3 * params.heads + head) * ${hv};
  let width = params.heads * ${hv};
  for (var part = 0u; part < ${parts}; part++) {
    ${unroll(
      copied,
      (c) => `let c${c} = min(part * ${copied} + ${c}, ${hv - 1});
    let k${c} = qkv[source + width + c${c}];
    let v${c} = qkv[source + 2 * width + c${c}];`,
    )}
    for (var slot = place.x; slot < place.x + params.groupSize; slot++) {
      let at = ((slot * params.heads + head) * params.capacity + place.y) * ${hv};
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
    /** (R,3d) */
    readonly qkv: BufferView;
    /** u32 (R,2): of each row, the first of its `groupSize` slots, and its position in the prompt. */
    readonly places: BufferView;
    readonly keys: BufferView;
    readonly values: BufferView;
  },
  size: Omit<DecodeShape, 'M'> & { readonly R: number; readonly groupSize: number },
): void {
  const { R, groupSize, heads, headDim, capacity } = size;
  const [x, y] = linearGrid(Math.ceil(R / 64));
  device.launch(fillKernel(headDim / 4), views, { R, groupSize, heads, capacity }, [x, y, heads]);
}
