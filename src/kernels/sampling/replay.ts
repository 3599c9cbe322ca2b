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
 * A thread to a row, four ids at a time, as in `vectors`.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import { GUMBEL4_WGSL, PHILOX_BLOCKS_WGSL, PHILOX_WGSL } from '../philox.ts';
import { SETTINGS_WGSL, STREAM } from './interface.ts';

/** The margin or gap of a token that cannot have been drawn, and of ids that no filter keeps. */
export const IMPOSSIBLE = 1e30;

const LOWEST = 'vec4f(-3.0e38)';

interface Form {
  readonly V: number;
  readonly filtered: boolean;
}

/** Returns which of the ids 4w to 4w + 3 the token was drawn from, if they exist. */
const keptWgsl = ({ V, filtered }: Form): string => `
fn exists(w: u32) -> vec4<bool> { return vec4u(w * 4) + vec4u(0, 1, 2, 3) < vec4u(${V}); }
fn isKept(row: u32, w: u32) -> vec4<bool> {
  ${
    filtered
      ? `let bits = kept[row * ${Math.ceil(V / 32)} + w / 8] >> (w % 8 * 4);
  return exists(w) & (((vec4u(bits) >> vec4u(0, 1, 2, 3)) & vec4u(1)) == vec4u(1));`
      : 'return exists(w);'
  }
}
fn scaled(row: u32, w: u32) -> vec4f {
  let ids = min(vec4u(w * 4) + vec4u(0, 1, 2, 3), vec4u(${V - 1})) + row * ${V};
  let values = vec4f(logits[ids.x], logits[ids.y], logits[ids.z], logits[ids.w]);
  return select(${LOWEST}, values * settings.inverseTemperature, exists(w));
}
fn largest(x: vec4f) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }`;

/** Declares `filterGap`, from the border of the kept ids and the masses on both sides of it. */
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
  let share = max(settings.topP * total, 1.0e-37);
  let least = log(max(settings.minP, 1.0e-37));

  // The ids before the border are likelier than those after it.
  var filterGap = max(dropped - lowest, 0.0);
  // Each filter that is on would keep the last id before the border. The likeliest always stays.
  if (count > limit || count == 0) { filterGap = ${IMPOSSIBLE}; }
  if (count > 1) {
    if (settings.topP < 1.0) { filterGap = max(filterGap, log(max(keptMass - exp(lowest), 1.0e-37) / share)); }
    if (settings.minP > 0.0) { filterGap = max(filterGap, least - lowest); }
  }
  // One of them would drop the first id after it.
  if (count < limit) {
    var reason = ${IMPOSSIBLE};
    if (settings.topP < 1.0) { reason = min(reason, log(share / keptMass)); }
    if (settings.minP > 0.0) { reason = min(reason, dropped - least); }
    filterGap = max(filterGap, reason);
  }`;
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

const kernelOf = memoize((form: Form) => {
  const { V, filtered } = form;
  const vectors = Math.ceil(V / 4);
  return defineKernel({
    name: `replay samples ${V}${filtered ? ' filtered' : ''}`,
    params: { N: 'u32' },
    reads: {
      logits: 'array<f32>',
      tokens: 'array<u32>',
      places: 'array<vec2u>',
      settings: 'Settings',
      kept: filtered ? 'array<u32>' : undefined,
    },
    writes: { checks: 'array<vec4f>' },
    functions: `${SETTINGS_WGSL}
${PHILOX_WGSL}
${PHILOX_BLOCKS_WGSL}
${GUMBEL4_WGSL}
${keptWgsl(form)}
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

export interface ReplayViews {
  /** (N,V) */
  readonly logits: BufferView;
  /** u32 (N) */
  readonly tokens: BufferView;
  /** u32 (N,2): the position of each token, counted from the start of the prompt, and its sequence's id. */
  readonly places: BufferView;
  /** See `encodeSettings`. */
  readonly settings: BufferView;
  /** u32 (N,⌈V/32⌉): the ids that each token was drawn from. */
  readonly kept?: BufferView | undefined;
  /** (N,4): logp, margin, filterGap, 0. */
  readonly checks: BufferView;
}

/** Replay the draws of N tokens. */
export function replaySamples(
  device: Device,
  views: ReplayViews,
  { N, V }: { readonly N: number; readonly V: number },
): void {
  device.launch(kernelOf({ V, filtered: views.kept !== undefined }), views, { N });
}
