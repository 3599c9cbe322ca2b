/**
 * A thread to a row, or to four. Rows need not begin at a multiple of 4, but are read as vec4s nevertheless, which a software
 * driver loads 3 times as fast. These kernels run everywhere.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import { defineKernel, gridOf, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import type { Variant } from '../../gpu/variants.ts';
import { type BackwardOptions, type ForwardOptions, LOWEST, PARAMS, paramsOf } from './interface.ts';

/** Return WGSL that tells for four elements if they are kept; elements outside of their row are not, those of rows past the last may be. */
const keptWgsl = (kept: boolean): string => `
fn keptOf(row: vec4u, v: vec4u) -> vec4<bool> {
  let inside = v < vec4u(params.V);
${
  kept
    ? `  let at = min(row, vec4u(params.R - 1)) * ((params.V + 31) / 32) + min(v, vec4u(params.V - 1)) / 32;
  let words = vec4u(kept[at.x], kept[at.y], kept[at.z], kept[at.w]);
  return inside & (((words >> (v % 32)) & vec4u(1)) == vec4u(1));`
    : '  return inside;'
}
}`;

/** Vec4s that a thread loads at a time, as evenly as a row of V allows: it may begin anywhere in its first one. */
const MOST_VECTORS = 4;
function vectorsAtATime(V: number): number {
  const vectors = Math.ceil((V + 3) / 4);
  return Math.ceil(vectors / Math.ceil(vectors / MOST_VECTORS));
}

/** Loads of a thread that make one sum; longer rows are made of several, so that roundings stay few. */
const RUN = 16;
const isLong = (V: number): boolean => V > 4 * RUN * MOST_VECTORS;

/**
 * A thread to a row, which it reads once: what was summed up is rescaled whenever a higher logit is found. In long rows
 * what a run has summed up is moved to the totals of those before.
 */
interface Form {
  readonly kept: boolean;
  readonly vectors: number;
  readonly long: boolean;
}

const forwardKernel = memoize(({ kept, vectors, long }: Form) =>
  defineKernel({
    name: `logSoftmaxGather forward${kept ? ' kept' : ''}${long ? ' long' : ''}`,
    params: PARAMS,
    reads: { logits: 'array<vec4f>', ids: 'array<u32>', kept: kept ? 'array<u32>' : undefined },
    writes: { logp: 'array<f32>', entropy: 'array<f32>', lse: 'array<f32>' },
    functions: `${keptWgsl(kept)}`,
    ...perElement('R', { id: 'row' })`let at = row * params.V;
  let end = (at + params.V + 3) / 4;
  var highest = ${LOWEST};
  var sum = 0.0;
  var weighted = 0.0;
  ${long ? 'var before = vec2f(); var taken = 0u;' : ''}
  for (var vector = at / 4; vector < end; vector += ${vectors}) {
    // The first elements may be of the row before: their numbers wrap around to some above V.
    let v = vec4u(vector * 4 - at) + vec4u(0, 1, 2, 3);
    ${unroll(
      vectors,
      (i) => `
    let kept${i} = keptOf(vec4u(row), v + ${4 * i});
    let z${i} = select(vec4f(${LOWEST}), logits[${i === 0 ? 'vector' : `min(vector + ${i}, end - 1)`}] * params.inverseTemperature, kept${i});`,
    )}
    let top4 = ${Array.from({ length: vectors }, (_, i) => `z${i}`).reduce((a, b) => `max(${a}, ${b})`)};
    let top = max(max(highest, max(top4.x, top4.y)), max(top4.z, top4.w));
    let drop = max(highest - top, -200.0); // e⁻²⁰⁰ is 0, and far below it sum · drop would be infinite
    let rescale = exp(drop);
    var sum4 = vec4f();
    var weighted4 = vec4f();
    ${unroll(
      vectors,
      (i) => `{
      let z = z${i} - top;
      let e = select(vec4f(), exp(z), kept${i});
      sum4 += e;
      weighted4 += select(e * z, vec4f(), e == vec4f());
    }`,
    )}
    weighted = rescale * (weighted + sum * drop) + dot(weighted4, vec4f(1));
    sum = rescale * sum + dot(sum4, vec4f(1));
    highest = top;
    ${
      long
        ? `before = rescale * vec2f(before.x, before.y + before.x * drop);
    taken++;
    if (taken % ${RUN} == 0) { before += vec2f(sum, weighted); sum = 0.0; weighted = 0.0; }`
        : ''
    }
  }
  ${long ? 'sum += before.x; weighted += before.y;' : ''}
  let logSum = log(sum);
  let id = ids[row];
  let chosen = at + min(id, params.V - 1);
  let chosenLogp = logits[chosen / 4][chosen % 4] * params.inverseTemperature - highest - logSum;
  logp[row] = select(chosenLogp, 0.0, id >= params.V);
  entropy[row] = logSum - weighted / sum;
  lse[row] = highest + logSum;`,
  }),
);

/** A thread to four rows: together they are made of whole vec4s, V of them, wherever each begins. */
const backwardKernel = memoize((kept: boolean) =>
  defineKernel({
    name: `logSoftmaxGather backward${kept ? ' kept' : ''}`,
    params: PARAMS,
    reads: {
      logits: 'array<vec4f>',
      ids: 'array<vec4u>',
      lse: 'array<vec4f>',
      entropy: 'array<vec4f>',
      dLogp: 'array<vec4f>',
      dEntropy: 'array<vec4f>',
      kept: kept ? 'array<u32>' : undefined,
    },
    writes: { dLogits: 'array<vec4f>' },
    functions: `${keptWgsl(kept)}
fn ofRows(x: vec4f, row: vec4u) -> vec4f { return vec4f(x[row.x], x[row.y], x[row.z], x[row.w]); }
`,
    ...perElement('R', {
      id: 'four',
      each: 4,
    })`let vectors = (min(4, params.R - four * 4) * params.V + 3) / 4;
  let ids4 = ids[four];
  let lse4 = lse[four];
  let entropy4 = entropy[four];
  let gradLogp4 = dLogp[four];
  let gradEntropy4 = dEntropy[four];
  // Of the first element of a vector; counted, since dividing is slow.
  var row = 0u;
  var v = 0u;
  for (var i = 0u; i < vectors; i++) {
    var rows: vec4u;
    var vs: vec4u;
    ${unroll(4, (c) => `rows[${c}] = row; vs[${c}] = v; v++; if (v == params.V) { v = 0; row++; }`)}
    let at = four * params.V + i;
    let logp = logits[at] * params.inverseTemperature - ofRows(lse4, rows);
    let p = select(vec4f(), exp(logp), keptOf(four * 4 + rows, vs));
    let chosen = vec4u(ids4[rows.x], ids4[rows.y], ids4[rows.z], ids4[rows.w]);
    let isChosen = select(vec4f(), vec4f(1), vs == chosen);
    let entropyTerm = select(vec4f(), p * (logp + ofRows(entropy4, rows)), p > vec4f());
    let logpTerm = select(ofRows(gradLogp4, rows) * (isChosen - p), vec4f(), chosen >= vec4u(params.V));
    dLogits[at] = params.inverseTemperature * (logpTerm - ofRows(gradEntropy4, rows) * entropyTerm);
  }`,
  }),
);

/** The last vec4 may end in the padding that every buffer has. */
const wholeVectors = (view: BufferView): BufferView => ({ ...view, bytes: Math.ceil(view.bytes / 16) * 16 });

export const forwardByThread: Variant<ForwardOptions> = {
  name: 'thread',
  fits: () => true,
  plan: (_, options) => {
    const { V, kept, logits } = options;
    const kernel = forwardKernel({ kept: kept !== undefined, vectors: vectorsAtATime(V), long: isLong(V) });
    const params = paramsOf(options);
    const views = { ...options, logits: wholeVectors(logits) };
    return launchOf(kernel, views, { params, workgroups: gridOf(kernel, params) });
  },
};

export const backwardByThread: Variant<BackwardOptions> = {
  name: 'thread',
  fits: () => true,
  plan: (_, options) => {
    const kernel = backwardKernel(options.kept !== undefined);
    const params = paramsOf(options);
    const views = {
      logits: wholeVectors(options.logits),
      ids: wholeVectors(options.ids),
      lse: wholeVectors(options.lse),
      entropy: wholeVectors(options.entropy),
      dLogp: wholeVectors(options.dLogp),
      dEntropy: wholeVectors(options.dEntropy),
      dLogits: wholeVectors(options.dLogits),
      kept: options.kept,
    };
    return launchOf(kernel, views, { params, workgroups: gridOf(kernel, params) });
  },
};
