/** The forward pass for heads of any size, with a running maximum and sum (Milakov & Gimelshein, 1805.02867). */
import { defineKernel } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { PARAMS } from './shape.ts';
import { type SplitLayout, splitWgsl } from './split.ts';

/** Return the kernel for a layout. */
export const splitForwardKernel = memoize((layout: SplitLayout) => {
  const { heads, start, each, load, store, dot, blocks, mine, kept, lastKey } = splitWgsl(
    layout,
    'query',
    'f32',
  );
  return defineKernel({
    name: `attention forward split ${4 * layout.vectors}${heads.label}`,
    params: PARAMS,
    reads: heads.reads,
    writes: { out: 'array<vec4f>', logSumExp: 'array<f32>' },
    code: `${start}
  ${each(
    (c) => `let q${c} = ${load('qkv', 'row * stride + headAt', c)} * params.scale;
  var o${c} = vec4f();`,
  )}
  var maximum = -3.0e38;
  var total = 0.0;
  let end = ${lastKey};
  ${blocks(
    { from: 'tile.y', end: 'end' },
    {
      part: `let key = other * stride + width + ${heads.keyHeadAt};
      ${mine} = ${dot(
        (c) => `q${c}`,
        (c) => load('qkv', 'key', c),
      )};`,
      pair: `parts[at] = select(-3.0e38, sum${heads.distance('row', 'other')}, other <= row);`,
      use: `var highest = maximum;
    for (var t = 0u; t < count; t++) { highest = max(highest, ${kept}); }
    let rescale = exp(maximum - highest);
    maximum = highest;
    total *= rescale;
    ${each((c) => `o${c} *= rescale;`)}
    for (var t = 0u; t < count; t++) {
      let value = (first + t) * stride + ${heads.valuesAt} + ${heads.keyHeadAt};
      let p = select(0.0, exp(${kept} - highest), first + t <= row);
      total += p;
      ${each((c) => `o${c} += p * ${load('qkv', 'value', c)};`)}
    }`,
    },
  )}
  ${each((c) => store('out', 'row * width + headAt', c, `o${c} / total`))}
  if (lane == 0 && valid) { logSumExp[head * params.R + row] = maximum + log(total); }
}`,
  });
});
