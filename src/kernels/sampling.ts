/**
 * Draws the next token of every sequence from its logits, and keeps the sequence's state.
 *
 * Sampling is by the Gumbel-max trick (argmax of log-probability plus Gumbel noise); the noise is a function of
 * (seed, sequence id, position, token), so a sequence does not depend on its batch. Filters apply in the order
 * temperature, top-k, top-p, min-p, each to the renormalised rest; ties go to the lower id. The log-probability written
 * is that of the distribution sampled from. One thread per sequence, ranks in O(V²): vocabularies here are small.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { STATE_WGSL } from './decode/state.ts';
import { GUMBEL_WGSL, PHILOX_WGSL } from './philox.ts';
import { NO_ROW } from './rows.ts';

/** Distinguishes the sampler's random numbers from those of other users of the same seed. */
const STREAM = '0x5a3bu';

const sampleKernel = memoize(({ V, filtered }: { readonly V: number; readonly filtered: boolean }) =>
  defineKernel({
    name: `sample ${V}${filtered ? ' filtered' : ''}`,
    params: { M: 'u32', maxNew: 'u32', eos: 'u32' },
    reads: {
      logits: 'array<f32>',
      rows: 'array<Row>',
      settings: 'Settings',
    },
    writes: {
      slots: 'array<Slot>',
      samples: 'array<vec2u>',
      ids: 'array<u32>',
      kept: filtered ? 'array<u32>' : undefined,
    },
    functions: `${STATE_WGSL}
${PHILOX_WGSL}
${GUMBEL_WGSL}
struct Settings { inverseTemperature: f32, topP: f32, topK: u32, greedy: u32, seed: u32, minP: f32 }`,
    ...perElement('M', { threads: 8 })`let row = rows[id];
  let slot = row.slot;
  if (slot == ${NO_ROW}u) { return; }
  var state = slots[slot];
  if (state.finished == 1) { return; }
  let at = row.logits * ${V};
  let position = state.position + 1;

  var highest = -3.0e38;
  for (var v = 0u; v < ${V}; v++) { highest = max(highest, logits[at + v] * settings.inverseTemperature); }
  ${filtered ? filterWgsl(V) : ''}
  var sum = 0.0;
  var best = -3.0e38;
  var pick = 0u;
  var random = vec4f();
  for (var v = 0u; v < ${V}; v++) {
    if (v % 4 == 0) {
      random = uniform4(philox(vec4u(v / 4, position, row.sequenceId, ${STREAM}), vec2u(settings.seed, 0u)));
    }
    ${filtered ? 'if (((mask[v / 32] >> (v % 32)) & 1) == 0) { continue; }' : ''}
    let z = logits[at + v] * settings.inverseTemperature - highest;
    sum += exp(z);
    let noisy = z + select(gumbel(random[v % 4]), 0.0, settings.greedy == 1);
    if (noisy > best) { best = noisy; pick = v; }
  }
  let out = slot * params.maxNew + state.generated;
  let logp = logits[at + pick] * settings.inverseTemperature - highest - log(sum);
  samples[out] = vec2u(pick, bitcast<u32>(logp));
  ids[id] = pick;
  ${
    filtered
      ? `for (var w = 0u; w < ${Math.ceil(V / 32)}; w++) { kept[out * ${Math.ceil(V / 32)} + w] = mask[w]; }`
      : ''
  }
  state.position = position;
  state.generated += 1;
  state.token = pick;
  if (pick == params.eos || state.generated == params.maxNew) { state.finished = 1; }
  slots[slot] = state;`,
  }),
);

/** Marks in `mask` the ids that top-k, then top-p and then min-p keep. */
const filterWgsl = (V: number): string => `
  var z: array<f32, ${V}>;
  var mask: array<u32, ${Math.ceil(V / 32)}>;
  for (var v = 0u; v < ${V}; v++) { z[v] = logits[at + v] * settings.inverseTemperature - highest; }
  let limit = select(settings.topK, ${V}u, settings.topK == 0);
  // An id's rank is the number of ids before it; what stands before it within top-k decides top-p.
  var total = 0.0;
  for (var v = 0u; v < ${V}; v++) {
    var rank = 0u;
    for (var u = 0u; u < ${V}; u++) { rank += select(0u, 1u, z[u] > z[v] || (z[u] == z[v] && u < v)); }
    if (rank < limit) {
      mask[v / 32] |= 1u << (v % 32);
      total += exp(z[v]);
    }
  }
  if (settings.topP < 1.0) {
    let top = mask;
    for (var v = 0u; v < ${V}; v++) {
      if (((top[v / 32] >> (v % 32)) & 1) == 0) { continue; }
      var before = 0.0;
      for (var u = 0u; u < ${V}; u++) {
        let kept = ((top[u / 32] >> (u % 32)) & 1) == 1;
        if (kept && (z[u] > z[v] || (z[u] == z[v] && u < v))) { before += exp(z[u]); }
      }
      // The likeliest has nothing before it, and stays even where the product is too small for f32.
      if (before > 0.0 && before >= settings.topP * total) { mask[v / 32] &= ~(1u << (v % 32)); }
    }
  }
  // By its own z, so that the likeliest stays however that rounds.
  var likeliest = z[0];
  for (var v = 1u; v < ${V}; v++) { likeliest = max(likeliest, z[v]); }
  let least = settings.minP * exp(likeliest);
  for (var v = 0u; v < ${V}; v++) {
    if (exp(z[v]) < least) { mask[v / 32] &= ~(1u << (v % 32)); }
  }`;

export interface SamplingSettings {
  /** 0 is greedy. */
  readonly temperature: number;
  /** 0 turns the filter off. */
  readonly topK: number;
  /** 1 turns the filter off. */
  readonly topP: number;
  /** 0, the default, turns the filter off. */
  readonly minP?: number;
  readonly seed: number;
}

export const SETTINGS_BYTES = 24;

/** The bytes of the kernel's `Settings`. Greedy decoding reports log-probabilities at temperature 1. */
export function encodeSettings(settings: SamplingSettings): Uint8Array<ArrayBuffer> {
  const { temperature, topK, topP, minP = 0, seed } = settings;
  const bytes = new Uint8Array(SETTINGS_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat32(0, temperature === 0 ? 1 : 1 / temperature, true);
  view.setFloat32(4, topP, true);
  view.setUint32(8, topK, true);
  view.setUint32(12, temperature === 0 ? 1 : 0, true);
  view.setUint32(16, seed, true);
  view.setFloat32(20, minP, true);
  return bytes;
}

export interface SampleViews {
  /** (rows of logits, V) */
  readonly logits: BufferView;
  /** `Row` (M): slot (or `NO_ROW`), row of logits to sample from, sequence id. */
  readonly rows: BufferView;
  readonly settings: BufferView;
  /** `Slot` (slots) */
  readonly slots: BufferView;
  /** (slots, maxNew, 2): token as u32, log-probability as f32. */
  readonly samples: BufferView;
  /** u32 (M): the newest token of each row, the input of the next step. */
  readonly ids: BufferView;
  /** u32 (slots, maxNew, ⌈V/32⌉): which ids the filters kept; giving it turns filtering on. */
  readonly kept?: BufferView | undefined;
}

export function sampleTokens(
  device: Device,
  views: SampleViews,
  size: { readonly M: number; readonly V: number; readonly maxNew: number; readonly eos: number },
): void {
  const { M, V, maxNew, eos } = size;
  device.launch(sampleKernel({ V, filtered: views.kept !== undefined }), views, { M, maxNew, eos });
}
