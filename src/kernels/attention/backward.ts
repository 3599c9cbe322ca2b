/**
 * The gradients of q, k and v. The probabilities are recomputed from the saved log-sum-exp: D = rowsum(dO·O),
 * dS = P·(dP − D) (Dao, 2307.08691). One kernel for dQ and D, one for dK and dV, no atomics.
 */
import { defineKernel, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { PARAMS } from './shape.ts';
import { dot, entry, ifValid, type Layout, layoutHeads, sharedBlock } from './tile.ts';

/** Return the kernel of dQ and D, for the queries that a lane owns. */
export const backwardQueryKernel = memoize((layout: Layout) => {
  const { lanes, subgroup, own, block, vectors } = layout;
  const heads = layoutHeads(layout, 'query');
  const shared = sharedBlock(layout, ['k', 'v']);
  const each = (text: (c: number) => string) => unroll(vectors, text);
  return defineKernel({
    name: `attention backward query ${subgroup ? `broadcast ${own}, ` : 'portable '}${block}×${4 * vectors}${heads.label}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: PARAMS,
    reads: {
      ...heads.reads,
      out: 'array<vec4f>',
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>', delta: 'array<f32>' },
    code: `${shared.declarations}
${entry(layout, 'query')}
  ${unroll(
    own,
    (i) => `var d${i} = 0.0;
  let lse${i} = logSumExp[head * params.R + row${i}];
  ${each(
    (c) => `let q${i}_${c} = qkv[row${i} * stride + headAt + ${c}] * params.scale;
  let g${i}_${c} = dOut[row${i} * width + headAt + ${c}];
  d${i} += dot(g${i}_${c}, out[row${i} * width + headAt + ${c}]);
  var dq${i}_${c} = vec4f();`,
  )}`,
  )}
  let end = min(from0 + ${lanes * own}, tile.z);
  for (var first = tile.y; first < end; first += ${block}) {
    let key = min(first + ${shared.row}, end - 1) * stride + ${heads.keyHeadAt};
    ${shared.load((name, c) => `qkv[key + ${name === 'k' ? 'width' : heads.valuesAt} + ${c}]`)}
    ${shared.rows(
      (t) => `let j = first + ${t};
      ${each((c) => `let k${c} = ${shared.vec4('k', c, t)}; let v${c} = ${shared.vec4('v', c, t)};`)}
      ${unroll(
        own,
        (i) => `let s${i} = ${dot(
          (c) => `q${i}_${c}`,
          (c) => `k${c}`,
          vectors,
        )}${heads.distance(`row${i}`, 'j')};
      let dp${i} = ${dot(
        (c) => `g${i}_${c}`,
        (c) => `v${c}`,
        vectors,
      )};
      let ds${i} = select(0.0, exp(s${i} - lse${i}) * (dp${i} - d${i}), j <= row${i});
      ${each((c) => `dq${i}_${c} += ds${i} * k${c};`)}`,
      )}`,
    )}
  }
  ${unroll(own, (i) =>
    ifValid(
      lanes,
      i,
      `${each((c) => `dQkv[row${i} * stride + headAt + ${c}] = dq${i}_${c} * params.scale;`)}
    delta[head * params.R + row${i}] = d${i};`,
    ),
  )}
}`,
  });
});

/** Return the kernel of dK and dV, for the keys that a lane owns. */
export const backwardKeyValueKernel = memoize((layout: Layout) => {
  const { lanes, subgroup, own, block, vectors } = layout;
  const heads = layoutHeads(layout, 'key value');
  const shared = sharedBlock(layout, ['q', 'g'], ['lse', 'delta']);
  const each = (text: (c: number) => string) => unroll(vectors, text);
  return defineKernel({
    name: `attention backward key value ${subgroup ? `broadcast ${own}, ` : 'portable '}${block}×${4 * vectors}${heads.label}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: PARAMS,
    reads: {
      ...heads.reads,
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
      delta: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>' },
    code: `${shared.declarations}
${entry(layout, 'key value')}
  ${unroll(own, (i) =>
    each(
      (c) => `let k${i}_${c} = qkv[row${i} * stride + width + ${heads.keyHeadAt} + ${c}] * params.scale;
  let v${i}_${c} = qkv[row${i} * stride + ${heads.valuesAt} + ${heads.keyHeadAt} + ${c}];
  var dk${i}_${c} = vec4f();
  var dv${i}_${c} = vec4f();`,
    ),
  )}
  ${heads.eachQueryHead(`for (var first = from0; first < tile.z; first += ${block}) {
    let query = min(first + ${shared.row}, tile.z - 1);
    ${shared.load(
      (name, c) =>
        name === 'q' ? `qkv[query * stride + headAt + ${c}]` : `dOut[query * width + headAt + ${c}]`,
      (name) => `${name === 'lse' ? 'logSumExp' : 'delta'}[head * params.R + query]`,
    )}
    ${shared.rows(
      (t) => `let at = first + ${t};
      let lse = ${shared.scalar('lse', t)};
      let delta = ${shared.scalar('delta', t)};
      ${each((c) => `let q${c} = ${shared.vec4('q', c, t)}; let g${c} = ${shared.vec4('g', c, t)};`)}
      ${unroll(
        own,
        (i) => `let s${i} = ${dot(
          (c) => `k${i}_${c}`,
          (c) => `q${c}`,
          vectors,
        )}${heads.distance('at', `row${i}`)};
      let p${i} = select(0.0, exp(s${i} - lse), at >= row${i} && at < tile.z);
      let dp${i} = ${dot(
        (c) => `v${i}_${c}`,
        (c) => `g${c}`,
        vectors,
      )};
      let ds${i} = select(0.0, p${i} * (dp${i} - delta), at >= row${i} && at < tile.z);
      ${each((c) => `dv${i}_${c} += p${i} * g${c}; dk${i}_${c} += ds${i} * q${c};`)}`,
      )}`,
    )}
  }`)}
  ${unroll(own, (i) =>
    ifValid(
      lanes,
      i,
      each(
        (c) => `dQkv[row${i} * stride + width + ${heads.keyHeadAt} + ${c}] = dk${i}_${c} * params.scale;
    dQkv[row${i} * stride + ${heads.valuesAt} + ${heads.keyHeadAt} + ${c}] = dv${i}_${c};`,
      ),
    ),
  )}
}`,
  });
});
