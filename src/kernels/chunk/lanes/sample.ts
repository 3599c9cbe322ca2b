/**
 * The draw of each sequence's next token from the logits in `wide`, as src/kernels/sampling describes it. A lane has every
 * lanes-th vec4 of ids; totals of lanes are added in their order.
 */
import { unroll } from '../../../gpu/kernel.ts';
import { STREAM } from '../../sampling/interface.ts';
import type { LanesLayout } from './layout.ts';

/** Below every logit that counts: of ids past the end, and of those that the filters leave out. */
const LOWEST = '-3.0e38';

/** Form of the draw. */
export interface SampleForm {
  /** Ids of the vocabulary. */
  readonly V: number;
  readonly filtered: boolean;
}

/** Return a loop over the lanes of the sequence. */
const overLanes = (lanes: number, body: string): string =>
  `for (var i = sequence * ${lanes}; i < sequence * ${lanes} + ${lanes}; i++) { ${body} }`;

/** Return WGSL of the draw. Lane 0 of each live sequence stores the token and the new state. */
export function sampleWgsl({ V, filtered }: SampleForm, layout: LanesLayout): string {
  const { lanes, vocabulary, setWords } = layout;
  const own = (body: string): string => `for (var w = lane; w < ${vocabulary}; w += ${lanes}) { ${body} }`;
  const all = (body: string): string => overLanes(lanes, body);
  const past = 4 * vocabulary - V;
  const exists =
    past === 0 ? 'z' : `select(vec4f(${LOWEST}), z, vec4u(4 * w) + vec4u(0, 1, 2, 3) < vec4u(${V}))`;
  return `{
    let logits = sequence * ${vocabulary};
    var highest4 = vec4f(${LOWEST});
    ${own(`let z = wide[logits + w] * settings.inverseTemperature; let known = ${exists}; wide[logits + w] = known; highest4 = max(highest4, known);`)}
    maxima[thread] = max(max(highest4.x, highest4.y), max(highest4.z, highest4.w));
    workgroupBarrier();
    var highest = ${LOWEST};
    ${all('highest = max(highest, maxima[i]);')}
    ${own(`let z = wide[logits + w] - highest; wide[logits + w] = ${exists};`)}
    workgroupBarrier();
    ${filtered ? filterWgsl(V, layout) : ''}
    var sum4 = vec4f();
    var best = ${LOWEST};
    var pick = 0u;
    ${own(`let z = wide[logits + w];
      ${filtered ? `let kept = ((vec4u(atomicLoad(&kepts[sequence * ${setWords} + w / 8])) >> (vec4u(w % 8 * 4) + vec4u(0, 1, 2, 3))) & vec4u(1)) == vec4u(1);` : 'let kept = vec4<bool>(true);'}
      let known = select(vec4f(${LOWEST}), z, kept);
      sum4 += exp(known);
      var noise = vec4f();
      if (settings.greedy == 0) {
        noise = gumbel4(uniform4(philox(vec4u(w, states[sequence].position + 1, row.sequenceId, ${STREAM}), vec2u(settings.seed, 0u))));
      }
      let noisy = known + noise;
      ${unroll(4, (c) => `if (noisy[${c}] > best) { best = noisy[${c}]; pick = 4 * w + ${c}; }`)}`)}
    maxima[thread] = best;
    sums[thread] = dot(sum4, vec4f(1));
    picks[thread] = pick;
    workgroupBarrier();
    if (lane == 0 && length > 0) {
      var state = states[sequence];
      var total = 0.0;
      ${all('total += sums[i]; if (maxima[i] > best || (maxima[i] == best && picks[i] < pick)) { best = maxima[i]; pick = picks[i]; }')}
      let out = row.slot * params.maxNewTokens + state.generated;
      samples[out] = vec2u(pick, bitcast<u32>(wide[logits + pick / 4][pick % 4] - log(total)));
      ${filtered ? `for (var w = 0u; w < ${setWords}; w++) { kept[out * ${setWords} + w] = atomicLoad(&kepts[sequence * ${setWords} + w]); }` : ''}
      state.position += 1;
      state.generated += 1;
      state.token = pick;
      if (pick == params.eos || state.generated == params.maxNewTokens) { state.finished = 1; }
      states[sequence] = state;
    }
    workgroupBarrier();
  }`;
}

/** Marks in `kepts` the ids that top-k, then top-p and then min-p keep. `tops` has those that top-k keeps. */
const filterWgsl = (V: number, { lanes, setWords }: LanesLayout): string => {
  const ids = (body: string): string => `for (var v = lane; v < ${V}; v += ${lanes}) { ${body} }`;
  const earlier = 'zu > zv || (zu == zv && u < v)';
  return `for (var w = lane; w < ${setWords}; w += ${lanes}) {
      atomicStore(&tops[sequence * ${setWords} + w], 0u);
      atomicStore(&kepts[sequence * ${setWords} + w], 0u);
    }
    workgroupBarrier();
    let limit = select(settings.topK, ${V}u, settings.topK == 0);
    var topSum = 0.0;
    ${ids(`let zv = wide[logits + v / 4][v % 4];
      var rank = 0u;
      if (limit < ${V}) {
        for (var u = 0u; u < ${V}; u++) { let zu = wide[logits + u / 4][u % 4]; rank += select(0u, 1u, ${earlier}); }
      }
      if (rank < limit) { atomicOr(&tops[sequence * ${setWords} + v / 32], 1u << (v % 32)); topSum += exp(zv); }`)}
    sums[thread] = topSum;
    workgroupBarrier();
    var total = 0.0;
    ${overLanes(lanes, 'total += sums[i];')}
    ${ids(`let zv = wide[logits + v / 4][v % 4];
      let isTop = ((atomicLoad(&tops[sequence * ${setWords} + v / 32]) >> (v % 32)) & 1) == 1;
      var before = 0.0;
      if (isTop && settings.topP < 1.0) {
        for (var u = 0u; u < ${V}; u++) {
          let zu = wide[logits + u / 4][u % 4];
          let counts = ((atomicLoad(&tops[sequence * ${setWords} + u / 32]) >> (u % 32)) & 1) == 1;
          if (counts && (${earlier})) { before += exp(zu); }
        }
      }
      // The likeliest has z = 0 and nothing before it: it stays, even where products are too small for f32.
      let within = !(before > 0.0 && before >= settings.topP * total) && !(exp(zv) < settings.minP);
      if (isTop && within) { atomicOr(&kepts[sequence * ${setWords} + v / 32], 1u << (v % 32)); }`)}
    workgroupBarrier();`;
};
