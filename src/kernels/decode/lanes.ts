/**
 * Decoding by the lanes of a workgroup: each takes every S-th position with a running maximum and sum, and the lanes' results
 * are merged at the end. For heads that a lane holds.
 */
import type { Device } from '../../gpu/device.ts';
import { defineKernel, type Launch, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import { laneReductions, sharedLoads, sharedStores } from '../lanes.ts';
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

const PORTABLE_LANES = 32;
/** The largest head that a lane holds. */
const MOST_HELD = 64;

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

/** Return true if a lane can hold the heads. */
export const heldByLane = ({ shape: { headDim } }: DecodeOptions): boolean => headDim <= MOST_HELD;

function planOf(lanes: number, subgroup: boolean, { shape, views }: DecodeOptions): Launch {
  const dv = shape.headDim / 4;
  const kernel = decodeKernel({ lanes, subgroup, dv, alibi: views.slopes !== undefined });
  return launchOf(kernel, views, decodeSizes(shape));
}

/** Return the launch for lanes that share workgroup memory. */
export const lanesPlan = (_: Device, options: DecodeOptions): Launch =>
  planOf(PORTABLE_LANES, false, options);

/** The lanes of a subgroup. */
export const subgroupVariant: Variant<DecodeOptions> = {
  name: 'subgroup',
  fits: ({ subgroupSize }, options) => subgroupSize >= 4 && heldByLane(options),
  plan: ({ subgroupSize }, options) => planOf(subgroupSize, true, options),
};
