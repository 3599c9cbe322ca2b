/**
 * The gradients of q, k and v together: an invocation takes a sequence and a key-value head. It walks blocks of keys, and for
 * each the queries that see it; the probabilities are recomputed from the saved log-sum-exp, and dS = P·(dP − D) with D =
 * rowsum(dO·O) (Dao, 2307.08691). Both are computed once, where kernels for dQ and for dK and dV compute them twice. dQ is
 * summed up in its place.
 */
import { defineKernel } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { component, eachRow, entry, GROUP, type MicrokernelLayout, microkernelWgsl } from './microkernel.ts';
import { PARAMS } from './shape.ts';

/** Values of a block of keys: 4 KB, of which there are five copies. */
const BLOCK_VALUES = 1024;
/** Queries of a block. */
const QUERIES = 16;

/** Return the kernel for a layout. */
export const microkernelBackward = memoize((layout: MicrokernelLayout) => {
  const { vectors } = layout;
  const pieces = microkernelWgsl(layout, 'key value', BLOCK_VALUES);
  const { heads, block, wide } = pieces;
  /** Sums over the queries of a block, for a group of keys. */
  const overQueries = (weights: string, value: (c: string) => string, to: string): string =>
    pieces.accumulate({
      loop: 'for (var q = begin; q < rows; q++)',
      terms: 1,
      weight: (r) => component(`${weights}[q * ${wide} + i / ${GROUP}]`, r),
      value: (_, c) => value(c),
      start: (r, c) => `${to}[(i + ${r}) * ${vectors} + ${c}]`,
      store: (r, c, sum) => `${to}[(i + ${r}) * ${vectors} + ${c}] = ${sum};`,
    });
  return defineKernel({
    name: `attention backward microkernel ${4 * vectors}${heads.label}`,
    params: PARAMS,
    reads: { ...heads.reads, out: 'array<vec4f>', dOut: 'array<vec4f>', logSumExp: 'array<f32>' },
    writes: { dQkv: 'array<vec4f>', delta: 'array<f32>' },
    code: `${entry(heads.start)}
  if (tile.x != tile.y) { return; }       // the sequence has one invocation
  ${pieces.transposed('keys')}
  ${pieces.transposed('values')}
  ${pieces.rows('keyRows', block)}
  ${pieces.rows('dKey', block)}
  ${pieces.rows('dValue', block)}
  ${pieces.group('queries')}
  ${pieces.group('gradients')}
  ${pieces.pairs('p', QUERIES)}
  ${pieces.pairs('dScores', QUERIES)}
  let end = tile.z;
  for (var first = tile.y; first < end; first += ${block}) {
    ${pieces.load([
      {
        source: (row) => `qkv[${row} * stride + width + ${heads.keyHeadAt} + c]`,
        transposed: 'keys',
        rows: 'keyRows',
      },
      {
        source: (row) => `qkv[${row} * stride + ${heads.valuesAt} + ${heads.keyHeadAt} + c]`,
        transposed: 'values',
      },
    ])}
    for (var i = 0u; i < ${block * vectors}; i++) { dKey[i] = vec4f(); dValue[i] = vec4f(); }
    ${heads.eachQueryHead(`for (var top = first; top < end; top += ${QUERIES}) {
      let rows = min(${QUERIES}u, end - top);
      for (var i = 0u; i < rows; i += ${GROUP}) {
        // Vec4s of keys that a row of the group sees.
        let seen = (min(count, top + i + ${GROUP} - first) + 3) / 4;
        ${eachRow(
          (r) => `let row${r} = min(top + i + ${r}, end - 1);
        let query${r} = row${r} * stride + headAt;
        let dOut${r} = row${r} * width + headAt;
        let lse${r} = logSumExp[head * params.R + row${r}];`,
        )}
        if (first == tile.y) {
          ${eachRow((r) => `var products${r} = vec4f();`)}
          for (var c = 0u; c < ${vectors}; c++) {
            ${eachRow((r) => `products${r} += dOut[dOut${r} + c] * out[dOut${r} + c]; dQkv[query${r} + c] = vec4f();`)}
          }
          ${eachRow((r) => `delta[head * params.R + row${r}] = dot(products${r}, vec4f(1));`)}
        }
        ${eachRow((r) => `let delta${r} = delta[head * params.R + row${r}];`)}
        ${pieces.loadGroup('queries', (r) => `qkv[query${r} + c]`)}
        ${pieces.loadGroup('gradients', (r) => `dOut[dOut${r} + c]`)}
        ${pieces.tiles('top + i', (each) => ({
          before: `${pieces.product('s', 'queries', 'keys')}
      ${pieces.product('dp', 'gradients', 'values')}
      ${each(
        (r, v) => `
      s${r}_${v} = exp(s${r}_${v} * params.scale${heads.floatDistance(`f32(row${r})`, `vec4f(key${v})`)} - lse${r});
      dp${r}_${v} = s${r}_${v} * (dp${r}_${v} - delta${r});`,
      )}`,
          masked: each(
            (r, v) => `{
          let sees = key${v} <= vec4u(row${r});
          s${r}_${v} = select(vec4f(), s${r}_${v}, sees);
          dp${r}_${v} = select(vec4f(), dp${r}_${v}, sees);
        }`,
          ),
          after: each(
            (r, v) => `p[(i + ${r}) * ${wide} + j + ${v}] = s${r}_${v};
      dScores[(i + ${r}) * ${wide} + j + ${v}] = dp${r}_${v};`,
          ),
        }))}
        // Every key before the group's own block has been counted. Blocks are made of whole groups.
        let factor = select(1.0, params.scale, top + i < first + ${block});
        ${pieces.accumulate({
          loop: 'for (var j = 0u; j < seen; j++)',
          terms: 4,
          weight: (r, t) => component(`dScores[(i + ${r}) * ${wide} + j]`, t),
          value: (t, c) => `keyRows[(j * 4 + ${t}) * ${vectors} + ${c}]`,
          start: (r, c) => `dQkv[query${r} + ${c}]`,
          store: (r, c, sum) => `if (top + i + ${r} < end) { dQkv[query${r} + ${c}] = ${sum} * factor; }`,
        })}
      }
      for (var i = 0u; i < count; i += ${GROUP}) {
        let begin = max(first + i, top) - top;       // the first query that sees a key of the group
        ${overQueries('p', (c) => `dOut[(top + q) * width + headAt + ${c}]`, 'dValue')}
        ${overQueries('dScores', (c) => `qkv[(top + q) * stride + headAt + ${c}]`, 'dKey')}
      }
    }`)}
    for (var i = 0u; i < count; i++) {
      let row = (first + i) * stride + ${heads.keyHeadAt};
      for (var c = 0u; c < ${vectors}; c++) {
        dQkv[row + width + c] = dKey[i * ${vectors} + c] * params.scale;
        dQkv[row + ${heads.valuesAt} + c] = dValue[i * ${vectors} + c];
      }
    }
  }
}`,
  });
});
