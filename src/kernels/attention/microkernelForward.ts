/** The forward pass, a tile and head to an invocation, with a running maximum and sum (Milakov & Gimelshein, 1805.02867). */
import { defineKernel } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import {
  component,
  eachRow,
  entry,
  GROUP,
  type MicrokernelLayout,
  microkernelWgsl,
  ofGroup,
} from './microkernel.ts';
import { ATTENTION_TILE_ROWS, PARAMS } from './shape.ts';

/** Values of a block: 8 KB of keys, transposed, and as many of values. */
const BLOCK_VALUES = 2048;
/** Groups of a tile. */
const GROUPS = ATTENTION_TILE_ROWS / GROUP;

/** Return the kernel for a layout. */
export const microkernelForward = memoize((layout: MicrokernelLayout) => {
  const { vectors } = layout;
  const pieces = microkernelWgsl(layout, 'query', BLOCK_VALUES);
  const { heads, block, wide } = pieces;
  return defineKernel({
    name: `attention forward microkernel ${4 * vectors}${heads.label}`,
    params: PARAMS,
    reads: heads.reads,
    writes: { out: 'array<vec4f>', logSumExp: 'array<f32>' },
    code: `${entry(heads.start)}
  let rows = min(${ATTENTION_TILE_ROWS}u, tile.z - tile.x);
  ${pieces.transposed('keys')}
  ${pieces.rows('values', block)}
  ${pieces.pairs('scores', GROUP)}
  ${pieces.group('queries')}
  ${pieces.rows('output', ATTENTION_TILE_ROWS)}
  var maxima: array<vec4f, ${GROUPS}>;
  var sums: array<vec4f, ${GROUPS}>;
  for (var g = 0u; g * ${GROUP} < rows; g++) { maxima[g] = vec4f(-3.0e38); }
  let end = tile.x + rows;
  for (var first = tile.y; first < end; first += ${block}) {
    ${pieces.load([
      { source: (row) => `qkv[${row} * stride + width + ${heads.keyHeadAt} + c]`, transposed: 'keys' },
      {
        source: (row) => `qkv[${row} * stride + ${heads.valuesAt} + ${heads.keyHeadAt} + c]`,
        rows: 'values',
      },
    ])}
    for (var i = 0u; i < rows; i += ${GROUP}) {
      if (tile.x + i + ${GROUP} <= first) { continue; }
      // Vec4s of keys that a row of the group sees.
      let seen = (min(count, tile.x + i + ${GROUP} - first) + 3) / 4;
      ${eachRow(
        (r) => `let row${r} = min(tile.x + i + ${r}, end - 1);
      let query${r} = row${r} * stride + headAt;
      var highest${r} = vec4f(-3.0e38);`,
      )}
      ${pieces.loadGroup('queries', (r) => `qkv[query${r} + c]`)}
      ${pieces.tiles('tile.x + i', (each) => ({
        before: `${pieces.product('s', 'queries', 'keys')}
      ${each((r, v) => `s${r}_${v} = s${r}_${v} * params.scale${heads.floatDistance(`f32(row${r})`, `vec4f(key${v})`)};`)}`,
        masked: each((r, v) => `s${r}_${v} = select(vec4f(-3.0e38), s${r}_${v}, key${v} <= vec4u(row${r}));`),
        after: each(
          (r, v) => `scores[${r * wide} + j + ${v}] = s${r}_${v};
      highest${r} = max(highest${r}, s${r}_${v});`,
        ),
      }))}
      let before = maxima[i / ${GROUP}];
      let highest = max(before, ${ofGroup((r) => `max(max(highest${r}.x, highest${r}.y), max(highest${r}.z, highest${r}.w))`)});
      let rescale = exp(before - highest);
      maxima[i / ${GROUP}] = highest;
      ${eachRow((r) => `var sum${r} = vec4f();`)}
      for (var j = 0u; j < seen; j++) {
        ${eachRow((r) => `let p${r} = exp(scores[${r * wide} + j] - highest[${r}]);`)}
        ${eachRow((r) => `scores[${r * wide} + j] = p${r}; sum${r} += p${r};`)}
      }
      sums[i / ${GROUP}] = sums[i / ${GROUP}] * rescale + ${ofGroup((r) => `dot(sum${r}, vec4f(1))`)};
      ${pieces.accumulate({
        loop: 'for (var j = 0u; j < seen; j++)',
        terms: 4,
        weight: (r, t) => component(`scores[${r * wide} + j]`, t),
        value: (t, c) => `values[(j * 4 + ${t}) * ${vectors} + ${c}]`,
        start: (r, c) => `output[(i + ${r}) * ${vectors} + ${c}] * rescale[${r}]`,
        store: (r, c, sum) => `output[(i + ${r}) * ${vectors} + ${c}] = ${sum};`,
      })}
    }
  }
  for (var i = 0u; i < rows; i++) {
    for (var c = 0u; c < ${vectors}; c++) {
      out[(tile.x + i) * width + headAt + c] = output[i * ${vectors} + c] / sums[i / ${GROUP}][i % ${GROUP}];
    }
  }
  for (var g = 0u; g * ${GROUP} < rows; g++) { maxima[g] += log(sums[g]); }
  for (var i = 0u; i < rows; i++) { logSumExp[head * params.R + tile.x + i] = maxima[i / ${GROUP}][i % ${GROUP}]; }
}`,
  });
});
