/** The output and the log-sum-exp of every query, with a running maximum and sum (Milakov & Gimelshein, 1805.02867). */
import { defineKernel, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { PARAMS } from './shape.ts';
import { dot, entry, ifValid, type Layout, layoutHeads, sharedBlock } from './tile.ts';

/** Return the kernel for a layout. */
export const forwardKernel = memoize((layout: Layout) => {
  const { lanes, subgroup, own, block, vectors } = layout;
  const heads = layoutHeads(layout, 'query');
  const shared = sharedBlock(layout, ['k', 'v']);
  const each = (text: (c: number) => string) => unroll(vectors, text);
  return defineKernel({
    name: `attention forward ${subgroup ? `broadcast ${own}, ` : 'portable '}${block}×${4 * vectors}${heads.label}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: PARAMS,
    reads: heads.reads,
    writes: { out: 'array<vec4f>', logSumExp: 'array<f32>' },
    code: `${shared.declarations}
${entry(layout, 'query')}
  ${unroll(
    own,
    (i) => `var maximum${i} = -3.0e38; var sum${i} = 0.0;
  ${each((c) => `let q${i}_${c} = qkv[row${i} * stride + headAt + ${c}] * params.scale; var o${i}_${c} = vec4f();`)}`,
  )}
  let end = min(from0 + ${lanes * own}, tile.z);
  for (var first = tile.y; first < end; first += ${block}) {
    let key = min(first + ${shared.row}, end - 1) * stride + ${heads.keyHeadAt};
    ${shared.load((name, c) => `qkv[key + ${name === 'k' ? 'width' : heads.valuesAt} + ${c}]`)}
    ${unroll(own, (i) => `var score${i}: array<f32, ${block}>; var highest${i} = maximum${i};`)}
    ${shared.rows(
      (t) => `let j = first + ${t};
      ${each((c) => `let k${c} = ${shared.vec4('k', c, t)};`)}
      ${unroll(
        own,
        (i) => `let s${i} = ${dot(
          (c) => `q${i}_${c}`,
          (c) => `k${c}`,
          vectors,
        )}${heads.distance(`row${i}`, 'j')};
      score${i}[${t}] = select(-3.0e38, s${i}, j <= row${i});
      highest${i} = max(highest${i}, score${i}[${t}]);`,
      )}`,
    )}
    ${unroll(
      own,
      (i) => `let rescale${i} = exp(maximum${i} - highest${i});
    maximum${i} = highest${i};
    sum${i} *= rescale${i};
    ${each((c) => `o${i}_${c} *= rescale${i};`)}`,
    )}
    ${shared.rows(
      (t) => `${each((c) => `let v${c} = ${shared.vec4('v', c, t)};`)}
      ${unroll(
        own,
        (i) => `let p${i} = select(0.0, exp(score${i}[${t}] - highest${i}), first + ${t} <= row${i});
      sum${i} += p${i};
      ${each((c) => `o${i}_${c} += p${i} * v${c};`)}`,
      )}`,
    )}
  }
  ${unroll(own, (i) =>
    ifValid(
      lanes,
      i,
      `${each((c) => `out[row${i} * width + headAt + ${c}] = o${i}_${c} / sum${i};`)}
    logSumExp[head * params.R + row${i}] = maximum${i} + log(sum${i});`,
    ),
  )}
}`,
  });
});
