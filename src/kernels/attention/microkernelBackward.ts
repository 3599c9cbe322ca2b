/**
 * The gradients of q, k and v, a tile and head to an invocation. The probabilities are recomputed from the saved
 * log-sum-exp: D = rowsum(dO·O), dS = P·(dP − D) (Dao, 2307.08691).
 */
import { defineKernel } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { eachRow, type MicrokernelLayout, microkernelWgsl, ofGroup } from './microkernel.ts';
import { PARAMS } from './shape.ts';

/** Values of a block for dQ, of which there are three copies, and for dK and dV, of which there are four. */
const [QUERY_BLOCK_VALUES, KEY_VALUE_BLOCK_VALUES] = [2048, 1024];

/** Return the kernel of dQ and D. */
export const microkernelBackwardQuery = memoize((layout: MicrokernelLayout) => {
  const { vectors } = layout;
  const own = microkernelWgsl(layout, 'query', QUERY_BLOCK_VALUES);
  const { heads, block, wide } = own;
  return defineKernel({
    name: `attention backward query microkernel ${4 * vectors}${heads.label}`,
    params: PARAMS,
    reads: {
      ...heads.reads,
      out: 'array<vec4f>',
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>', delta: 'array<f32>' },
    code: `${own.start}
  ${own.transposed('keys')}
  ${own.transposed('values')}
  ${own.rowsOfBlock('keyRows')}
  ${own.pairs('dScores')}
  ${own.ownRows('dQuery')}
  for (var row = tile.x; row < tile.x + rows; row++) {
    var products = vec4f();
    for (var c = 0u; c < ${vectors}; c++) {
      products += dOut[row * width + headAt + c] * out[row * width + headAt + c];
    }
    delta[head * params.R + row] = dot(products, vec4f(1));
  }
  let end = tile.x + rows;
  for (var first = tile.y; first < end; first += ${block}) {
    ${own.load([
      {
        from: (row) => `qkv[${row} * stride + width + ${heads.keyHeadAt} + c]`,
        transposed: 'keys',
        rows: 'keyRows',
      },
      {
        from: (row) => `qkv[${row} * stride + ${heads.valuesAt} + ${heads.keyHeadAt} + c]`,
        transposed: 'values',
      },
    ])}
    ${own.groups(`if (tile.x + i + 4 <= first) { continue; }
      // Vec4s of keys that a row of the group sees.
      let seen = (min(count, tile.x + i + 4 - first) + 3) / 4;
      ${eachRow(
        (r) => `let query${r} = own${r} * stride + headAt;
      let dOut${r} = own${r} * width + headAt;
      let lse${r} = logSumExp[head * params.R + own${r}];
      let delta${r} = delta[head * params.R + own${r}];`,
      )}
      ${own.tiles(
        '0u',
        'seen',
        (each) => `
      ${own.product('s', (r, c) => `qkv[query${r} + ${c}]`, 'keys')}
      ${own.product('dp', (r, c) => `dOut[dOut${r} + ${c}]`, 'values')}
      ${each(
        (r, v) => `{
        let p = exp(s${r}_${v} * params.scale${heads.floatDistance(`f32(own${r})`, `vec4f(other${v})`)} - lse${r});
        s${r}_${v} = p * (dp${r}_${v} - delta${r});
      }`,
      )}
      if (after > tile.x + i + 1) {
        ${each((r, v) => `s${r}_${v} = select(vec4f(), s${r}_${v}, other${v} <= vec4u(own${r}));`)}
      }
      ${each((r, v) => `dScores[${r * wide} + j + ${v}] = s${r}_${v};`)}`,
      )}
      ${own.accumulate({ weights: 'dScores', rows: 'keyRows', to: 'dQuery', from: '0u', end: 'seen' })}`)}
  }
  ${own.storeRows(`dQkv[row * stride + headAt + c] = dQuery[i * ${vectors} + c] * params.scale;`)}
}`,
  });
});

/** Return the kernel of dK and dV. */
export const microkernelBackwardKeyValue = memoize((layout: MicrokernelLayout) => {
  const { vectors } = layout;
  const own = microkernelWgsl(layout, 'key value', KEY_VALUE_BLOCK_VALUES);
  const { heads, block, wide } = own;
  return defineKernel({
    name: `attention backward key value microkernel ${4 * vectors}${heads.label}`,
    params: PARAMS,
    reads: {
      ...heads.reads,
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
      delta: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>' },
    code: `${own.start}
  ${own.transposed('queries')}
  ${own.transposed('gradients')}
  ${own.rowsOfBlock('queryRows')}
  ${own.rowsOfBlock('gradientRows')}
  var lse: array<vec4f, ${wide}>;
  var deltas: array<vec4f, ${wide}>;
  ${own.pairs('p')}
  ${own.pairs('dScores')}
  ${own.ownRows('dKey')}
  ${own.ownRows('dValue')}
  let end = tile.z;
  ${heads.eachQueryHead(`for (var first = tile.x; first < end; first += ${block}) {
    ${own.load(
      [
        {
          from: (row) => `qkv[${row} * stride + headAt + c]`,
          transposed: 'queries',
          rows: 'queryRows',
        },
        {
          from: (row) => `dOut[${row} * width + headAt + c]`,
          transposed: 'gradients',
          rows: 'gradientRows',
        },
      ],
      `let statistics = head * params.R;
      lse[j] = ${ofGroup((t) => `logSumExp[statistics + row${t}]`)};
      deltas[j] = ${ofGroup((t) => `delta[statistics + row${t}]`)};`,
    )}
    ${own.groups(`if (first + count <= tile.x + i) { continue; }
      // The first vec4 of queries that see a row of the group, and the end.
      let begin = (max(first, tile.x + i) - first) / 4;
      let to = (count + 3) / 4;
      ${eachRow(
        (r) => `let key${r} = own${r} * stride + width + ${heads.keyHeadAt};
      let value${r} = own${r} * stride + ${heads.valuesAt} + ${heads.keyHeadAt};`,
      )}
      ${own.tiles(
        'begin',
        'to',
        (each) => `
      ${own.product('s', (r, c) => `qkv[key${r} + ${c}]`, 'queries')}
      ${own.product('dp', (r, c) => `qkv[value${r} + ${c}]`, 'gradients')}
      ${each(
        (r, v) => `
      s${r}_${v} = exp(s${r}_${v} * params.scale${heads.floatDistance(`vec4f(other${v})`, `f32(own${r})`)} - lse[j + ${v}]);
      dp${r}_${v} = s${r}_${v} * (dp${r}_${v} - deltas[j + ${v}]);`,
      )}
      if (first + j * 4 < tile.x + i + 4 || after > end) {
        ${each(
          (r, v) => `{
          let sees = (other${v} >= vec4u(own${r})) & (other${v} < vec4u(end));
          s${r}_${v} = select(vec4f(), s${r}_${v}, sees);
          dp${r}_${v} = select(vec4f(), dp${r}_${v}, sees);
        }`,
        )}
      }
      ${each((r, v) => `p[${r * wide} + j + ${v}] = s${r}_${v}; dScores[${r * wide} + j + ${v}] = dp${r}_${v};`)}`,
      )}
      ${own.accumulate({ weights: 'p', rows: 'gradientRows', to: 'dValue', from: 'begin', end: 'to' })}
      ${own.accumulate({ weights: 'dScores', rows: 'queryRows', to: 'dKey', from: 'begin', end: 'to' })}`)}
  }`)}
  ${own.storeRows(`dQkv[row * stride + width + ${heads.keyHeadAt} + c] = dKey[i * ${vectors} + c] * params.scale;
    dQkv[row * stride + ${heads.valuesAt} + ${heads.keyHeadAt} + c] = dValue[i * ${vectors} + c];`)}
}`,
  });
});
