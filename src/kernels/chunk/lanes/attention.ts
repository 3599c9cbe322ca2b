/**
 * Attention of each sequence's newest token: its q, k and v in `wide` are turned by its position where the architecture does, k
 * and v are appended to the cache, and its heads are left in `narrow`.
 *
 * Scores are computed for a block of positions, a lane to one position of a head. Then each vec4 of a head has a few lanes, which
 * share the positions of a block and keep a running maximum and sum. Their results are merged at the end in a fixed order.
 */
import { unroll } from '../../../gpu/kernel.ts';
import type { ChunkAttention } from '../form.ts';
import { floatWgsl } from '../literal.ts';
import type { LanesLayout } from './layout.ts';

/** Return declarations that attention needs: the constants of its positions. */
export function positionsWgsl({ position }: ChunkAttention<number>): string {
  if (position.kind === 'alibi') {
    const { slopes } = position;
    return `const slopes = array<f32, ${slopes.length}>(${slopes.map(floatWgsl).join(', ')});`;
  }
  const words = position.frequencies;
  const vectors = unroll(
    words.length / 4,
    (i) => `vec4u(${words.slice(4 * i, 4 * i + 4).map((word) => `${word}u`)})`,
    ', ',
  );
  return `const frequencies = array<vec4u, ${words.length / 4}>(${vectors});`;
}

/** Turn q and k by halves: see ../../rope.ts. */
const turnWgsl = (
  { position, kvHeads, heads }: ChunkAttention<number>,
  { head, lanes, width, kvWidth }: LanesLayout,
): string =>
  position.kind === 'alibi'
    ? ''
    : `for (var i = lane; i < ${(heads + kvHeads) * (head / 2)}; i += ${lanes}) {
      let pair = i % ${head / 2};
      let at = sequence * ${width + 2 * kvWidth} + i / ${head / 2} * ${head} + pair;
      let angle = vec4u(states[sequence].position);
      let turn = angle * frequencies[pair] + highProduct(angle, frequencies[${head / 2} + pair]);
      let cosine = sineOfTurn(turn, 1u);
      let sine = sineOfTurn(turn, 0u);
      let a = wide[at];
      let b = wide[at + ${head / 2}];
      wide[at] = a * cosine - b * sine;
      wide[at + ${head / 2}] = b * cosine + a * sine;
    }
    workgroupBarrier();`;

/** Return WGSL of attention in block `layer`. */
export function attentionWgsl(form: ChunkAttention<number>, layout: LanesLayout): string {
  const { heads, kvHeads, headDim, position } = form;
  const { lanes, head, width, kvWidth, positions, parts } = layout;
  const qkv = width + 2 * kvWidth;
  const own = positions / parts;
  const distance = position.kind === 'alibi' ? ' - slopes[ofHead] * f32(states[sequence].position - j)' : '';
  const place = (kind: string, cacheHead: string, j: string): string =>
    `((2 * layer + ${kind}) * params.cacheStride + ((row.slot * ${kvHeads} + ${cacheHead}) * params.capacity + ${j}) * ${head})`;
  const merge =
    parts === 1
      ? `if (lane < ${width}) { narrow[sequence * ${width} + lane] = output / select(1.0, sum, sum > 0.0); }`
      : `partials[thread] = output;
    maxima[thread] = maximum;
    sums[thread] = sum;
    workgroupBarrier();
    if (lane < ${width}) {
      let at = sequence * ${lanes} + lane;
      let highest = ${Array.from({ length: parts - 1 }, (_, p) => p + 1).reduce((found, p) => `max(${found}, maxima[at + ${p * width}])`, 'maxima[at]')};
      var total = 0.0;
      var value = vec4f();
      ${unroll(parts, (p) => `{ let weight = exp(maxima[at + ${p * width}] - highest); total += sums[at + ${p * width}] * weight; value += partials[at + ${p * width}] * weight; }`)}
      narrow[sequence * ${width} + lane] = value / select(1.0, total, total > 0.0);
    }`;
  return `${turnWgsl(form, layout)}
    if (length > 0) {
      for (var i = lane; i < ${2 * kvWidth}; i += ${lanes}) {
        let at = ${place(`i / ${kvWidth}`, `i % ${kvWidth} / ${head}`, 'states[sequence].position')};
        cache[at + i % ${head}] = wide[sequence * ${qkv} + ${width} + i];
      }
    }
    storageBarrier();
    var maximum = -3.0e38;
    var sum = 0.0;
    var output = vec4f();
    for (var first = 0u; first < longest + step; first += ${positions}) {
      for (var i = lane; i < ${heads * positions}; i += ${lanes}) {
        let ofHead = i / ${positions};
        let j = first + i % ${positions};
        if (j < length) {
          let query = sequence * ${qkv} + ofHead * ${head};
          let key = ${place('0', `ofHead / ${heads / kvHeads}`, 'j')};
          var products = vec4f();
          for (var c = 0u; c < ${head}; c++) { products += wide[query + c] * cache[key + c]; }
          scores[sequence * ${heads * positions} + i] = dot(products, vec4f(1)) * ${floatWgsl(Math.fround(1 / Math.sqrt(headDim)))}${distance};
        }
      }
      workgroupBarrier();
      let begin = first + lane / ${width} * ${own};
      let end = min(begin + ${own}, length);
      if (lane < ${parts * width} && begin < end) {
        let column = lane % ${width};
        let ofHead = column / ${head};
        let score = sequence * ${heads * positions} + ofHead * ${positions} - first;
        var highest = maximum;
        for (var j = begin; j < end; j++) { highest = max(highest, scores[score + j]); }
        let rescale = exp(maximum - highest);
        maximum = highest;
        sum *= rescale;
        output *= rescale;
        let value = ${place('1', `ofHead / ${heads / kvHeads}`, '0')} + column % ${head};
        for (var j = begin; j < end; j++) {
          let p = exp(scores[score + j] - highest);
          sum += p;
          output += p * cache[value + j * ${head}];
        }
      }
      workgroupBarrier();
    }
    ${merge}
    workgroupBarrier();`;
}
