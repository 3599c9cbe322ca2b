/**
 * Decoding for heads that no lane holds: in blocks of 64 positions a lane makes the score of one position, then a lane
 * adds up one vec4 of the values. Loops, not registers, run over the head: one kernel takes every size up to 256.
 */
import type { Device } from '../../gpu/device.ts';
import { defineKernel, type Launch, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
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

/** Lanes of a workgroup, positions of a block, and vec4s of a head at most. */
const LANES = 64;

const kernelOf = memoize((alibi: boolean) =>
  defineKernel({
    name: `decode attention wide${alibi ? '' : ', no slopes'}`,
    params: { ...DECODE_PARAMS, vectors: 'u32' },
    reads: decodeReads(alibi),
    writes: DECODE_WRITES,
    code: `${STATE_WGSL}
var<workgroup> query: array<vec4f, ${LANES}>;
var<workgroup> scores: array<f32, ${LANES}>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let dv = params.vectors;${decodeStart('dv', alibi)}
  let column = min(lane, dv - 1);       // lanes past the end repeat the last vec4
  let end = cache + state.position * dv + column;
  query[lane] = qkv[queryAt + column] * params.scale;
  // Read from qkv, not from the cache, to which another workgroup of the group appends.
  let value = qkv[valueAt + column];
  if (appends && lane < dv) {
    keys[end] = qkv[keyAt + column];
    values[end] = value;
  }
  var maximum = -3.0e38;
  var sum = 0.0;
  var o = vec4f();
  let count = state.position + 1;
  for (var first = 0u; first < count; first += ${LANES}) {
    workgroupBarrier();
    let j = min(first + lane, count - 1);
    var products = vec4f();
    if (j < state.position) {
      for (var c = 0u; c < dv; c++) { products += query[c] * keys[cache + j * dv + c]; }
    } else {
      for (var c = 0u; c < dv; c++) { products += query[c] * qkv[keyAt + c]; }
    }
    scores[lane] = dot(products, vec4f(1))${decodeDistance(alibi)};
    workgroupBarrier();
    let cached = min(${LANES}u, state.position - first);       // the newest position follows them, if there is room
    let here = min(${LANES}u, cached + 1);
    var highest = maximum;
    for (var t = 0u; t < here; t++) { highest = max(highest, scores[t]); }
    let rescale = exp(maximum - highest);
    maximum = highest;
    sum *= rescale;
    o *= rescale;
    for (var t = 0u; t < cached; t++) {
      let p = exp(scores[t] - highest);
      sum += p;
      o += p * values[cache + (first + t) * dv + column];
    }
    if (cached < here) {
      let p = exp(scores[cached] - highest);
      sum += p;
      o += p * value;
    }
  }
  if (lane < dv) { out[at + lane] = o / sum; }
}`,
  }),
);

/** Return the launch for heads of any size up to 256. */
export function widePlan(_: Device, { shape, views }: DecodeOptions): Launch {
  const { params, workgroups } = decodeSizes(shape);
  const vectors = shape.headDim / 4;
  return launchOf(kernelOf(views.slopes !== undefined), views, {
    params: { ...params, vectors },
    workgroups,
  });
}
