/**
 * A row shared by threads, four ids to each at a time. The filters keep the likeliest ids up to a border, which is searched for, so
 * that no thread has to hold a row or rank its ids: O(V) for each of some 50 steps.
 */
import { defineKernel, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { GUMBEL4_WGSL, PHILOX_WGSL } from '../philox.ts';
import {
  BEST_WGSL,
  combinations,
  enablesOf,
  groupName,
  largestFirst,
  NONE,
  plus,
  type RowGroup,
  rowEntry,
  rowGrid,
} from '../rowGroup.ts';
import { NO_ROW } from '../rows.ts';
import { rowVariants } from '../rowVariants.ts';
import {
  formOf,
  paramsOf,
  type SampleForm,
  type SampleOptions,
  STREAM,
  sampleInterface,
} from './interface.ts';
import { COMBINATIONS, groupOf, idsWgsl, LOWEST, searchWgsl, WORD_LANES, walkIds } from './rowParts.ts';

const kernelOf = memoize(({ group, ...form }: SampleForm & { readonly group: RowGroup }) => {
  const { V, filtered } = form;
  const { declarations, start: _, finish: __, ...bindings } = sampleInterface(form);
  const walk = walkIds(V, group);
  const [quads, words] = [Math.ceil(V / 4), Math.ceil(V / 32)];
  const search = { border: 'border', bound: 'bound' };
  return defineKernel({
    ...bindings,
    name: `sample row ${V}${filtered ? ' filtered' : ''} ${groupName(group)}`,
    enables: enablesOf(group),
    functions: `${declarations}
${PHILOX_WGSL}
${GUMBEL4_WGSL}
${BEST_WGSL}
${idsWgsl(V)}
${combinations(group, [
  ...COMBINATIONS,
  { name: 'rowState', type: 'vec4u', combine: plus },
  largestFirst('rowBest'),
  { name: 'wordOf', type: 'u32', combine: (a, b) => `${a} | ${b}`, of: WORD_LANES },
])}
fn isKept(z: vec4f, w: u32, border: vec2u, least: f32) -> vec4<bool> {
  return ${filtered ? 'isBefore(z, w, border) & (exp(z) >= vec4f(least))' : 'exists(w)'};
}`,
    code: rowEntry(
      group,
      'params.M',
      `let entry = rows[row];
  // One lane reads the state, and tells the others: whether there is work, the next position, the number of the token.
  var own = vec4u();
  if (lane == 0 && inside && entry.slot != ${NO_ROW}u) {
    let state = slots[entry.slot];
    if (state.finished != 1) { own = vec4u(1, state.position + 1, state.generated, 0); }
  }
  let state = rowState(own, thread);
  let works = state.x == 1;
  let position = state.y;
  let at = select(0, entry.logits, works) * ${V};
  ${walk.load}
  ${walk.total(
    'top',
    LOWEST,
    (of) => of('z'),
    (a, b) => `max(${a}, ${b})`,
  )}
  let highest = rowMax(maxOf(top), thread);
  var border = vec2u(${NONE});
  var least = 0.0;
  ${
    filtered
      ? `let limit = select(settings.topK, ${V}u, settings.topK == 0);
  if (limit < ${V}) {
    let bound = limit;
    ${searchWgsl(V, walk, { ...search, type: 'u32', measure: (_, _w, inside) => `countOf(${inside})` })}
  }
  if (settings.topP < 1.0) {
    ${walk.total('mass', '0.0', (of, w) => `massOf(${of('z')} - highest, isBefore(${of('z')} - highest, ${w}, border))`)}
    // The likeliest has mass 1, and stays even where the product is too small for f32.
    let bound = max(settings.topP * rowSum(mass, thread), 1.0e-37);
    let before = border;
    ${searchWgsl(V, walk, { ...search, type: 'f32', measure: (z, w, inside) => `massOf(${z}, ${inside} & isBefore(${z}, ${w}, before))` })}
  }
  if (settings.minP > 0.0) {
    // By its own z, so that the likeliest stays however that rounds.
    ${walk.total(
      'nearest',
      '-3.0e38',
      (of) => `maxOf(${of('z')} - highest)`,
      (a, b) => `max(${a}, ${b})`,
    )}
    least = settings.minP * exp(rowMax(nearest, thread));
  }`
      : ''
  }
  ${walk.total('sum', '0.0', (of, w) => `massOf(${of('z')} - highest, isKept(${of('z')} - highest, ${w}, border, least))`)}
  let total = rowSum(sum, thread);
  var best = -3.0e38;
  var mine = ${NONE};
  ${walk.each(
    (of, w) => `let inside4 = isKept(${of('z')} - highest, ${w}, border, least);
    var noisy = ${of('z')} - highest;
    if (settings.greedy == 0) {
      let random = philox(vec4u(${w}, position, entry.sequenceId, ${STREAM}), vec2u(settings.seed, 0u));
      noisy += gumbel4(uniform4(random));
    }
    ${[0, 1, 2, 3].map((c) => `if (inside4[${c}] && noisy[${c}] > best) { best = noisy[${c}]; mine = 4 * ${w} + ${c}; }`).join('\n    ')}`,
  )}
  let drawn = rowBest(vec2u(orderOf(best), mine), thread).y;
  // Where all logits are NaN, none is the largest.
  let pick = select(drawn, 0, drawn == ${NONE});
  let out = entry.slot * params.maxNewTokens + state.z;
  ${
    filtered
      ? `for (var first = 0u; first < ${quads}; first += ${group.lanes}) {
    let w = first + lane;
    let z = scaled(at, min(w, ${quads - 1}u)) - highest;
    let bits = select(vec4u(), vec4u(1, 2, 4, 8), isKept(z, w, border, least));
    let word = wordOf((bits.x | bits.y | bits.z | bits.w) << (w % ${WORD_LANES} * 4), thread);
    if (works && w < ${quads} && w % ${WORD_LANES} == 0) { kept[out * ${words} + w / ${WORD_LANES}] = word; }
  }`
      : ''
  }
  if (!works || lane > 0) { return; }
  let logp = logits[at + pick] * settings.inverseTemperature - highest - log(total);
  samples[out] = vec2u(pick, bitcast<u32>(logp));
  ids[row] = pick;
  let generated = state.z + 1;
  let finished = pick == params.eos || generated == params.maxNewTokens;
  slots[entry.slot] = Slot(position, generated, select(0u, 1u, finished), pick);`,
    ),
  });
});

export const sampleByRow = rowVariants<SampleOptions>({
  group: ({ size }) => groupOf(size.V),
  plan: (options, group) => {
    const { views, size } = options;
    const kernel = kernelOf({ ...formOf(options), group });
    return launchOf(kernel, views, { params: paramsOf(size), workgroups: rowGrid(group, size.M) });
  },
});
