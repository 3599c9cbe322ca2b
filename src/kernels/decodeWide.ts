/**
 * Decoding for heads that no lane holds: in blocks of 64 positions a lane makes the score of one position, then a lane
 * adds up one vec4 of the values. Loops, not registers, run over the head: one kernel takes every size up to 256.
 */
import { defineKernel } from '../gpu/kernel.ts';
import { STATE_WGSL } from './decodeState.ts';
import { NO_ROW } from './rows.ts';

/** Lanes of a workgroup, positions of a block, and vec4s of a head at most. */
const LANES = 64;

export const decodeWideKernel = defineKernel({
  name: 'decode attention wide',
  params: { heads: 'u32', capacity: 'u32', scale: 'f32', vectors: 'u32' },
  reads: { qkv: 'array<vec4f>', slopes: 'array<f32>', slots: 'array<Slot>', rows: 'array<Row>' },
  writes: { keys: 'array<vec4f>', values: 'array<vec4f>', out: 'array<vec4f>' },
  code: `${STATE_WGSL}
var<workgroup> query: array<vec4f, ${LANES}>;
var<workgroup> scores: array<f32, ${LANES}>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let head = group.y;
  let slot = rows[row].slot;
  if (slot == ${NO_ROW}u) { return; }
  let state = slots[slot];
  if (state.finished == 1) { return; }
  let dv = params.vectors;
  let width = params.heads * dv;
  let source = row * 3 * width + head * dv;
  let cache = (slot * params.heads + head) * params.capacity * dv;
  let slope = slopes[head];
  let column = min(lane, dv - 1);       // lanes past the end repeat the last vec4
  let end = cache + state.position * dv + column;
  query[lane] = qkv[source + column] * params.scale;
  keys[end] = qkv[source + width + column];
  values[end] = qkv[source + 2 * width + column];
  storageBarrier();
  var maximum = -3.0e38;
  var sum = 0.0;
  var o = vec4f();
  let count = state.position + 1;
  for (var first = 0u; first < count; first += ${LANES}) {
    workgroupBarrier();
    let j = min(first + lane, count - 1);
    var products = vec4f();
    for (var c = 0u; c < dv; c++) { products += query[c] * keys[cache + j * dv + c]; }
    scores[lane] = dot(products, vec4f(1)) - slope * f32(state.position - j);
    workgroupBarrier();
    let here = min(${LANES}u, count - first);
    var highest = maximum;
    for (var t = 0u; t < here; t++) { highest = max(highest, scores[t]); }
    let rescale = exp(maximum - highest);
    maximum = highest;
    sum *= rescale;
    o *= rescale;
    for (var t = 0u; t < here; t++) {
      let p = exp(scores[t] - highest);
      sum += p;
      o += p * values[cache + (first + t) * dv + column];
    }
  }
  if (lane < dv) { out[row * width + head * dv + lane] = o / sum; }
}`,
});
