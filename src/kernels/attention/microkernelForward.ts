/** The forward pass, a tile and head to an invocation, with a running maximum and sum (Milakov & Gimelshein, 1805.02867). */
import { defineKernel } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { eachRow, type MicrokernelLayout, microkernelWgsl, ofGroup } from './microkernel.ts';
import { PARAMS } from './shape.ts';

/** Values of a block: 8 KB of keys, transposed, and as many of values. */
const BLOCK_VALUES = 2048;

/** Return the kernel for a layout. */
export const microkernelForward = memoize((layout: MicrokernelLayout) => {
  const { vectors } = layout;
  const own = microkernelWgsl(layout, 'query', BLOCK_VALUES);
  const { heads, block, wide } = own;
  return defineKernel({
    name: `attention forward microkernel ${4 * vectors}${heads.label}`,
    params: PARAMS,
    reads: heads.reads,
    writes: { out: 'array<vec4f>', logSumExp: 'array<f32>' },
    code: `${own.start}
  ${own.transposed('keys')}
  ${own.rowsOfBlock('values')}
  ${own.pairs('scores')}
  ${own.ownRows('output')}
  ${own.perRow('maxima')}
  ${own.perRow('sums')}
  for (var g = 0u; g * 4 < rows; g++) { maxima[g] = vec4f(-3.0e38); }
  let end = tile.x + rows;
  for (var first = tile.y; first < end; first += ${block}) {
    ${own.load([
      { from: (row) => `qkv[${row} * stride + width + ${heads.keyHeadAt} + c]`, transposed: 'keys' },
      { from: (row) => `qkv[${row} * stride + ${heads.valuesAt} + ${heads.keyHeadAt} + c]`, rows: 'values' },
    ])}
    ${own.groups(`if (tile.x + i + 4 <= first) { continue; }
      // Vec4s of keys that a row of the group sees.
      let seen = (min(count, tile.x + i + 4 - first) + 3) / 4;
      ${eachRow((r) => `let query${r} = own${r} * stride + headAt; var highest${r} = vec4f(-3.0e38);`)}
      ${own.tiles(
        '0u',
        'seen',
        (each) => `
      ${own.product('s', (r, c) => `qkv[query${r} + ${c}]`, 'keys')}
      ${each((r, v) => `s${r}_${v} = s${r}_${v} * params.scale${heads.floatDistance(`f32(own${r})`, `vec4f(other${v})`)};`)}
      if (after > tile.x + i + 1) {
        ${each((r, v) => `s${r}_${v} = select(vec4f(-3.0e38), s${r}_${v}, other${v} <= vec4u(own${r}));`)}
      }
      ${each(
        (r, v) => `scores[${r * wide} + j + ${v}] = s${r}_${v};
      highest${r} = max(highest${r}, s${r}_${v});`,
      )}`,
      )}
      let before = maxima[i / 4];
      let highest = max(before, ${ofGroup((r) => `max(max(highest${r}.x, highest${r}.y), max(highest${r}.z, highest${r}.w))`)});
      let rescale = exp(before - highest);
      maxima[i / 4] = highest;
      ${eachRow(
        (r) => `var sum${r} = vec4f();
      for (var j = 0u; j < seen; j++) {
        let p = exp(scores[${r * wide} + j] - highest[${r}]);
        scores[${r * wide} + j] = p;
        sum${r} += p;
      }`,
      )}
      sums[i / 4] = sums[i / 4] * rescale + ${ofGroup((r) => `dot(sum${r}, vec4f(1))`)};
      ${own.accumulate({ weights: 'scores', rows: 'values', to: 'output', from: '0u', end: 'seen' }, (r) => `rescale[${r}]`)}`)}
  }
  ${own.storeRows(`out[row * width + headAt + c] = output[i * ${vectors} + c] / sums[i / 4][i % 4];`)}
  for (var g = 0u; g * 4 < rows; g++) { maxima[g] += log(sums[g]); }
  for (var i = 0u; i < rows; i++) { logSumExp[head * params.R + tile.x + i] = maxima[i / 4][i % 4]; }
}`,
  });
});
