/** A thread to a row, four ids at a time. For the WebAssembly adapter, where scalar code takes as long as that of vec4s. */
import { defineKernel, gridOf, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import type { Variant } from '../../gpu/variants.ts';
import { GUMBEL4_WGSL, PHILOX_BLOCKS_WGSL, PHILOX_WGSL } from '../philox.ts';
import {
  formOf,
  paramsOf,
  type SampleForm,
  type SampleOptions,
  STREAM,
  sampleInterface,
} from './interface.ts';

/** Below every logit that counts: of ids past the end, and of those that the filters leave out. */
const LOWEST = 'vec4f(-3.0e38)';

const kernelOf = memoize((form: SampleForm) => {
  const { V, filtered } = form;
  /** Vec4s of a row, and those that lie in it whole. */
  const [vectors, whole] = [Math.ceil(V / 4), Math.floor(V / 4)];
  // No id past the end is drawn, even where all logits are NaN and `highest` is the lowest number.
  const pastEnd = unroll(4 * vectors - V, (c) => `z[${whole}][${V - 4 * whole + c}] = -3.0e38;`);
  const { declarations, start, finish, ...bindings } = sampleInterface(form);
  return defineKernel({
    ...bindings,
    name: `sample vectors ${V}${filtered ? ' filtered' : ''}`,
    functions: `${declarations}
${PHILOX_WGSL}
${PHILOX_BLOCKS_WGSL}
${GUMBEL4_WGSL}`,
    ...perElement('M', { threads: 1 })`${start}

  var z: array<vec4f, ${vectors}>;
  var highest4 = ${LOWEST};
  for (var w = 0u; w < ${whole}; w++) {
    let first = at + w * 4;
    z[w] = vec4f(logits[first], logits[first + 1], logits[first + 2], logits[first + 3]) * settings.inverseTemperature;
    highest4 = max(highest4, z[w]);
  }
  ${
    whole < vectors
      ? `z[${whole}] = ${LOWEST};
  ${unroll(V - 4 * whole, (c) => `z[${whole}][${c}] = logits[at + ${4 * whole + c}] * settings.inverseTemperature;`)}
  highest4 = max(highest4, z[${whole}]);`
      : ''
  }
  let highest = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
  for (var w = 0u; w < ${vectors}; w++) { z[w] -= highest; }
  ${pastEnd}
  ${filtered ? filterWgsl(V, vectors) : ''}
  var sum4 = vec4f();
  var best4 = ${LOWEST};
  var pick4 = vec4u();
  for (var w = 0u; w < ${vectors}; w += 4) {
    var noise: array<vec4f, 4>;
    if (settings.greedy == 0) {
      let words = philoxBlocks(w, vec3u(position, row.sequenceId, ${STREAM}), vec2u(settings.seed, 0u));
      ${unroll(4, (b) => `noise[${b}] = gumbel4(uniform4(words[${b}]));`)}
    }
    for (var b = 0u; b < min(4u, ${vectors} - w); b++) {
      sum4 += exp(z[w + b]);
      let noisy = z[w + b] + noise[b];
      pick4 = select(pick4, vec4u((w + b) * 4) + vec4u(0, 1, 2, 3), noisy > best4);
      best4 = select(best4, noisy, noisy > best4);
    }
  }
  // Ties go to the lower id.
  var best = best4.x;
  var pick = pick4.x;
  for (var c = 1u; c < 4; c++) {
    if (best4[c] > best || (best4[c] == best && pick4[c] < pick)) { best = best4[c]; pick = pick4[c]; }
  }
  let logp = logits[at + pick] * settings.inverseTemperature - highest - log(dot(sum4, vec4f(1)));
  ${finish}`,
  });
});

/** Lowers in z the ids that top-k, then top-p and then min-p leave out, and makes the `mask` of the others. */
const filterWgsl = (V: number, vectors: number): string => {
  /** Adds `value` up for the ids before v, in vec4s: of a larger z, or of the same and lower. */
  const sumBefore = (name: string, zero: string, value: string): string => `
    let zv = z[v / 4][v % 4];
    var ${name}4 = ${zero};
    for (var w = 0u; w < ${vectors}; w++) {
      let earlier = (z[w] > vec4f(zv)) | ((z[w] == vec4f(zv)) & (vec4u(w * 4) + vec4u(0, 1, 2, 3) < vec4u(v)));
      ${name}4 += select(${zero}, ${value}, earlier);
    }
    let ${name} = ${name}4.x + ${name}4.y + ${name}4.z + ${name}4.w;`;
  return `
  var e: array<vec4f, ${vectors}>;
  var mask: array<u32, ${Math.ceil(V / 32)}>;
  for (var w = 0u; w < ${vectors}; w++) { e[w] = exp(z[w]); }
  // An id's rank is the number of ids before it; what stands before it within top-k decides top-p.
  let limit = select(settings.topK, ${V}u, settings.topK == 0);
  for (var v = 0u; v < ${V}; v++) {
    if (limit < ${V}) {
      ${sumBefore('rank', 'vec4u()', 'vec4u(1)')}
      if (rank >= limit) { e[v / 4][v % 4] = 0.0; continue; }
    }
    mask[v / 32] |= 1u << (v % 32);
  }
  if (settings.topP < 1.0) {
    var total4 = vec4f();
    for (var w = 0u; w < ${vectors}; w++) { total4 += e[w]; }
    let share = settings.topP * dot(total4, vec4f(1));
    for (var v = 0u; v < ${V}; v++) {
      ${sumBefore('before', 'vec4f()', 'e[w]')}
      // The likeliest has nothing before it, and stays even where the product is too small for f32.
      if (before > 0.0 && before >= share) { mask[v / 32] &= ~(1u << (v % 32)); }
    }
  }
  var likeliest = e[0];
  for (var w = 1u; w < ${vectors}; w++) { likeliest = max(likeliest, e[w]); }
  let least = settings.minP * max(max(likeliest.x, likeliest.y), max(likeliest.z, likeliest.w));
  for (var v = 0u; v < ${V}; v++) {
    if (e[v / 4][v % 4] < least) { mask[v / 32] &= ~(1u << (v % 32)); }
    if (((mask[v / 32] >> (v % 32)) & 1) == 0) { z[v / 4][v % 4] = -3.0e38; }
  }`;
};

export const vectorsVariant: Variant<SampleOptions> = {
  name: 'vectors',
  fits: ({ isWasm }) => isWasm,
  plan: (_, options) => {
    const params = paramsOf(options.size);
    const kernel = kernelOf(formOf(options));
    return launchOf(kernel, options.views, { params, workgroups: gridOf(kernel, params) });
  },
};
