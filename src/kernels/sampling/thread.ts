/** A thread to a row, value by value; ranks in O(V²): vocabularies here are small. Runs on every adapter. */
import { defineKernel, gridOf, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import type { Variant } from '../../gpu/variants.ts';
import { GUMBEL_WGSL, PHILOX_WGSL } from '../philox.ts';
import {
  formOf,
  paramsOf,
  type SampleForm,
  type SampleOptions,
  STREAM,
  sampleInterface,
} from './interface.ts';

const kernelOf = memoize((form: SampleForm) => {
  const { V, filtered } = form;
  const { declarations, start, finish, ...bindings } = sampleInterface(form);
  return defineKernel({
    ...bindings,
    name: `sample ${V}${filtered ? ' filtered' : ''}`,
    functions: `${declarations}
${PHILOX_WGSL}
${GUMBEL_WGSL}`,
    ...perElement('M', { threads: 8 })`${start}

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
  let logp = logits[at + pick] * settings.inverseTemperature - highest - log(sum);
  ${finish}`,
  });
});

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

export const threadVariant: Variant<SampleOptions> = {
  name: 'thread',
  fits: () => true,
  plan: (_, options) => {
    const params = paramsOf(options.size);
    const kernel = kernelOf(formOf(options));
    return launchOf(kernel, options.views, { params, workgroups: gridOf(kernel, params) });
  },
};
