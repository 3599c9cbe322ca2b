/**
 * Replays the draw of given tokens: for each of N rows, its log-probability, and by how much the row's logits and noise
 * contradict the token and the ids that it was drawn from.
 *
 *   z = logits·inverseTemperature − max;  mass = Σ exp z over the kept ids
 *   logp      = z[token] − log mass
 *   margin    = max over the kept ids of (z + noise) − (z + noise)[token]: 0 if the token was drawn
 *   filterGap = how far z and log mass would have to move for the filters to keep these ids: 0 if they do
 *
 * The filters keep the likeliest ids up to a border, so the kept ids need one pass each for the border and the mass: O(V),
 * where the sampler, which has to find them, ranks all ids. Only the mass of the top-k takes a search for the k-th logit.
 * A thread to a row, four ids at a time, as in `vectors`; or a subgroup or workgroup, see replayRow.ts.
 */
import type { Device } from '../../gpu/device.ts';
import { defineKernel, gridOf, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import { launchChosen } from '../../gpu/variants.ts';
import { GUMBEL4_WGSL, PHILOX_BLOCKS_WGSL, PHILOX_WGSL } from '../philox.ts';
import { rowFamily } from '../rowVariants.ts';
import { SETTINGS_WGSL, STREAM } from './interface.ts';
import {
  GAP_WGSL,
  IMPOSSIBLE,
  isKeptWgsl,
  type ReplayForm,
  type ReplayOptions,
  type ReplayViews,
  replayFormOf,
  replayInterface,
} from './replayInterface.ts';
import { replayByRow } from './replayRow.ts';

export { IMPOSSIBLE } from './replayInterface.ts';

const LOWEST = 'vec4f(-3.0e38)';

/** Return the WGSL of functions of the ids 4w to 4w + 3 of a row. */
const idsWgsl = (form: ReplayForm): string => `
fn exists(w: u32) -> vec4<bool> { return vec4u(w * 4) + vec4u(0, 1, 2, 3) < vec4u(${form.V}); }${isKeptWgsl(form)}
fn scaled(row: u32, w: u32) -> vec4f {
  let ids = min(vec4u(w * 4) + vec4u(0, 1, 2, 3), vec4u(${form.V - 1})) + row * ${form.V};
  let values = vec4f(logits[ids.x], logits[ids.y], logits[ids.z], logits[ids.w]);
  return select(${LOWEST}, values * settings.inverseTemperature, exists(w));
}
fn largest(x: vec4f) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }`;

/** Declare `filterGap`, from the border of the kept ids and the masses on both sides of it. */
const filterGapWgsl = (V: number): string => {
  const vectors = Math.ceil(V / 4);
  return `
  var lowest4 = vec4f(3.0e38);
  var dropped4 = ${LOWEST};
  var all4 = vec4f();
  var kept4 = vec4f();
  var count4 = vec4u();
  for (var w = 0u; w < ${vectors}; w++) {
    let z = scaled(row, w) - highest;
    let inside = isKept(row, w);
    let e = select(vec4f(), exp(z), exists(w));
    all4 += e;
    kept4 += select(vec4f(), e, inside);
    count4 += select(vec4u(), vec4u(1), inside);
    lowest4 = min(lowest4, select(vec4f(3.0e38), z, inside));
    dropped4 = max(dropped4, select(${LOWEST}, z, exists(w) & !inside));
  }
  let count = count4.x + count4.y + count4.z + count4.w;
  let lowest = min(min(lowest4.x, lowest4.y), min(lowest4.z, lowest4.w));
  let dropped = largest(dropped4);
  let keptMass = dot(kept4, vec4f(1));
  var total = dot(all4, vec4f(1));
  let limit = select(settings.topK, ${V}u, settings.topK == 0 || settings.topK > ${V});
  if (settings.topP < 1.0 && limit < ${V}) { total = massOfTop(row, highest, limit); }
  ${GAP_WGSL}`;
};

/** Returns the sum of exp over the k largest z, found by bisection: of numbers below 0, the bits rise with the distance from 0. */
const massOfTopWgsl = (V: number): string => `
fn massOfTop(row: u32, highest: f32, k: u32) -> f32 {
  var low = 0u;
  var high = 0x7f800000u;
  while (low < high) {
    let middle = low + (high - low) / 2;
    var count4 = vec4u();
    for (var w = 0u; w < ${Math.ceil(V / 4)}; w++) {
      let distance = bitcast<vec4u>(abs(scaled(row, w) - highest));
      count4 += select(vec4u(), vec4u(1), exists(w) & (distance <= vec4u(middle)));
    }
    if (count4.x + count4.y + count4.z + count4.w >= k) { high = middle; } else { low = middle + 1; }
  }
  var sum4 = vec4f();
  var count4 = vec4u();
  for (var w = 0u; w < ${Math.ceil(V / 4)}; w++) {
    let z = scaled(row, w) - highest;
    let isBefore = exists(w) & (bitcast<vec4u>(abs(z)) < vec4u(low));
    sum4 += select(vec4f(), exp(z), isBefore);
    count4 += select(vec4u(), vec4u(1), isBefore);
  }
  let ties = k - (count4.x + count4.y + count4.z + count4.w);
  return dot(sum4, vec4f(1)) + f32(ties) * exp(-bitcast<f32>(low));
}`;

const kernelOf = memoize((form: ReplayForm) => {
  const { V, filtered } = form;
  const vectors = Math.ceil(V / 4);
  return defineKernel({
    name: `replay samples ${V}${filtered ? ' filtered' : ''}`,
    ...replayInterface(form),
    functions: `${SETTINGS_WGSL}
${PHILOX_WGSL}
${PHILOX_BLOCKS_WGSL}
${GUMBEL4_WGSL}
${idsWgsl(form)}
${filtered ? massOfTopWgsl(V) : ''}`,
    ...perElement('N', { id: 'row', threads: 8 })`var highest4 = ${LOWEST};
  for (var w = 0u; w < ${vectors}; w++) { highest4 = max(highest4, scaled(row, w)); }
  let highest = largest(highest4);
  ${filtered ? filterGapWgsl(V) : 'let filterGap = 0.0;'}
  let token = tokens[row];
  let place = places[row];
  var sum4 = vec4f();
  var best4 = ${LOWEST};
  var chosen = vec2f(0.0, ${-IMPOSSIBLE});
  for (var w = 0u; w < ${vectors}; w += 4) {
    var noise: array<vec4f, 4>;
    if (settings.greedy == 0) {
      let words = philoxBlocks(w, vec3u(place.x, place.y, ${STREAM}), vec2u(settings.seed, 0u));
      for (var b = 0u; b < 4; b++) { noise[b] = gumbel4(uniform4(words[b])); }
    }
    for (var b = 0u; b < min(4u, ${vectors} - w); b++) {
      let inside = isKept(row, w + b);
      let z = scaled(row, w + b) - highest;
      sum4 += select(vec4f(), exp(z), inside);
      let noisy = select(${LOWEST}, z + noise[b], inside);
      best4 = max(best4, noisy);
      if (token / 4 == w + b && inside[token % 4]) { chosen = vec2f(z[token % 4], noisy[token % 4]); }
    }
  }
  let logp = chosen.x - log(dot(sum4, vec4f(1)));
  checks[row] = vec4f(logp, min(largest(best4) - chosen.y, ${IMPOSSIBLE}), filterGap, 0.0);`,
  });
});

/** The kernels that replay draws. */
export const replayFamily = rowFamily<ReplayOptions>(
  'replay samples',
  (options) => {
    const { V, filtered } = replayFormOf(options);
    return `V${V}${filtered ? ' filtered' : ''}`;
  },
  {
    name: 'thread',
    fits: () => true,
    plan: (_, options) => {
      const kernel = kernelOf(replayFormOf(options));
      const params = { N: options.size.N };
      return launchOf(kernel, options.views, { params, workgroups: gridOf(kernel, params) });
    },
  },
  replayByRow,
);

/** Replay the draws of N tokens. */
export const replaySamples = (
  device: Device,
  views: ReplayViews,
  size: { readonly N: number; readonly V: number },
): void => launchChosen(device, replayFamily, { views, size });
