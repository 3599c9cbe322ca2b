/**
 * Decoding by one invocation for a row and head: it makes the scores of a block of positions, four to a vec4, so that exp
 * takes four at a time, then adds up their values. For the WebAssembly adapter.
 */
import { defineKernel, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  DECODE_PARAMS,
  DECODE_WRITES,
  type DecodeOptions,
  decodeDistances,
  decodeReads,
  decodeSizes,
  decodeStart,
  STATE_WGSL,
} from './state.ts';

/** Positions of a block. */
const BLOCK = 64;
/** Vec4s of a head whose values are added up at a time. */
const COLUMNS = 4;
const COMPONENTS = ['x', 'y', 'z', 'w'];

interface Form {
  /** vec4s of a head. */
  readonly dv: number;
  readonly alibi: boolean;
}

/** Return WGSL that adds the components of four vec4s up, each to one component of `name`. */
const sumsWgsl = (name: string, vectors: string): string =>
  `let ${name} = ${COMPONENTS.map(
    (component) => `vec4f(${unroll(4, (t) => `${vectors}${t}.${component}`, ', ')})`,
  ).join(' + ')};`;

const kernelOf = memoize(({ dv, alibi }: Form) => {
  /** Scores of the four positions from 4j of the block on; of what lies past the last one, the last one's. */
  const scores = (keyOf: (t: number) => string): string => `
      ${unroll(4, (t) => `let key${t} = cache + ${keyOf(t)} * ${dv}; var products${t} = vec4f();`)}
      for (var c = 0u; c < ${dv}; c++) {
        let q = query[c];
        ${unroll(4, (t) => `products${t} += q * keys[key${t} + c];`)}
      }
      ${sumsWgsl('sums', 'products')}
      let j4 = vec4u(first + j * 4) + vec4u(0, 1, 2, 3);`;
  const columns = (count: number): string => `
    for (; c + ${count} <= ${dv}; c += ${count}) {
      ${unroll(count, (v) => `var o${v} = output[c + ${v}] * rescale;`)}
      for (var j = 0u; j < whole; j++) {
        let p = scores[j];
        let value = cache + (first + j * 4) * ${dv} + c;
        ${unroll(4, (t) => unroll(count, (v) => `o${v} += p.${COMPONENTS[t]} * values[value + ${t * dv + v}];`))}
      }
      for (var t = whole * 4; t < count; t++) {
        let p = scores[t / 4][t % 4];
        let value = cache + (first + t) * ${dv} + c;
        ${unroll(count, (v) => `o${v} += p * values[value + ${v}];`)}
      }
      ${unroll(count, (v) => `output[c + ${v}] = o${v};`)}
    }`;
  return defineKernel({
    name: `decode attention single ${4 * dv}${alibi ? '' : ', no slopes'}`,
    params: DECODE_PARAMS,
    reads: decodeReads(alibi),
    writes: DECODE_WRITES,
    code: `${STATE_WGSL}
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {${decodeStart(`${dv}`, alibi)}
  let end = cache + state.position * ${dv};
  // The new token itself comes first.
  var query: array<vec4f, ${dv}>;
  var output: array<vec4f, ${dv}>;
  var scores: array<vec4f, ${BLOCK / 4}>;
  var products = vec4f();
  for (var c = 0u; c < ${dv}; c++) {
    let key = qkv[keyAt + c];
    query[c] = qkv[queryAt + c] * params.scale;
    output[c] = qkv[valueAt + c];
    products += query[c] * key;
    if (appends) {
      keys[end + c] = key;
      values[end + c] = output[c];
    }
  }
  var maximum = dot(products, vec4f(1));
  var sum = 1.0;
  for (var first = 0u; first < state.position; first += ${BLOCK}) {
    let count = min(${BLOCK}u, state.position - first);
    let whole = count / 4;
    var highest4 = vec4f(maximum);
    for (var j = 0u; j < whole; j++) {
      ${scores((t) => `(first + j * 4 + ${t})`)}
      scores[j] = sums${decodeDistances(alibi, 'j4')};
      highest4 = max(highest4, scores[j]);
    }
    if (whole * 4 < count) {
      let j = whole;
      ${scores((t) => `min(first + j * 4 + ${t}, state.position - 1)`)}
      scores[j] = select(vec4f(-3.0e38), sums${decodeDistances(alibi, 'j4')}, j4 < vec4u(state.position));
      highest4 = max(highest4, scores[j]);
    }
    let highest = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
    let rescale = exp(maximum - highest);
    maximum = highest;
    var sum4 = vec4f();
    for (var j = 0u; j < (count + 3) / 4; j++) {
      let p = exp(scores[j] - highest);
      scores[j] = p;
      sum4 += p;
    }
    sum = sum * rescale + dot(sum4, vec4f(1));
    var c = 0u;
    ${columns(COLUMNS)}
    ${dv % COLUMNS === 0 ? '' : columns(1)}
  }
  for (var c = 0u; c < ${dv}; c++) { out[at + c] = output[c] / sum; }
}`,
  });
});

export const singleVariant: Variant<DecodeOptions> = {
  name: 'single',
  fits: ({ isWasm }) => isWasm,
  plan: (_, { shape, views }) => {
    const kernel = kernelOf({ dv: shape.headDim / 4, alibi: views.slopes !== undefined });
    return launchOf(kernel, views, decodeSizes(shape));
  },
};
