/** The backward pass for heads of any size. The formulas are in `backward.ts`. */
import { defineKernel } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { PARAMS } from './shape.ts';
import { type SplitLayout, splitWgsl } from './split.ts';

/** Return the kernel of dQ and D. */
export const splitBackwardQueryKernel = memoize((layout: SplitLayout) => {
  const { heads, start, each, load, store, dot, total, blocks, mine, kept, lastKey } = splitWgsl(
    layout,
    'query',
    'vec2f',
  );
  return defineKernel({
    name: `attention backward query split ${4 * layout.vectors}${heads.label}`,
    params: PARAMS,
    reads: {
      ...heads.reads,
      out: 'array<vec4f>',
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>', delta: 'array<f32>' },
    code: `${start}
  let lse = logSumExp[head * params.R + row];
  ${each(
    (c) => `let q${c} = ${load('qkv', 'row * stride + headAt', c)} * params.scale;
  let g${c} = ${load('dOut', 'row * width + headAt', c)};
  var dq${c} = vec4f();`,
  )}
  let partOfD = ${dot(
    (c) => `g${c}`,
    (c) => load('out', 'row * width + headAt', c),
  )};
  ${total('d', 'vec2f(partOfD, 0)')}
  let end = ${lastKey};
  ${blocks(
    { from: 'tile.y', end: 'end' },
    {
      part: `let key = other * stride + width + ${heads.keyHeadAt};
      let value = key + ${heads.keyWidth};
      ${mine} = vec2f(${dot(
        (c) => `q${c}`,
        (c) => load('qkv', 'key', c),
      )}, ${dot(
        (c) => `g${c}`,
        (c) => load('qkv', 'value', c),
      )});`,
      pair: `let s = sum.x${heads.distance('row', 'other')};
      parts[at] = vec2f(select(0.0, exp(s - lse) * (sum.y - d.x), other <= row), 0);`,
      use: `for (var t = 0u; t < count; t++) {
      let key = (first + t) * stride + width + ${heads.keyHeadAt};
      let ds = ${kept}.x;
      ${each((c) => `dq${c} += ds * ${load('qkv', 'key', c)};`)}
    }`,
    },
  )}
  ${each((c) => store('dQkv', 'row * stride + headAt', c, `dq${c} * params.scale`))}
  if (lane == 0 && valid) { delta[head * params.R + row] = d.x; }
}`,
  });
});

/** Return the kernel of dK and dV. */
export const splitBackwardKeyValueKernel = memoize((layout: SplitLayout) => {
  const { heads, start, each, load, store, dot, blocks, mine, kept } = splitWgsl(
    layout,
    'key value',
    'vec2f',
  );
  return defineKernel({
    name: `attention backward key value split ${4 * layout.vectors}${heads.label}`,
    params: PARAMS,
    reads: {
      ...heads.reads,
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
      delta: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>' },
    code: `${start}
  let keyAt = row * stride + width + ${heads.keyHeadAt};
  let valueAt = keyAt + ${heads.keyWidth};
  ${each(
    (c) => `let k${c} = ${load('qkv', 'keyAt', c)} * params.scale;
  let v${c} = ${load('qkv', 'valueAt', c)};
  var dk${c} = vec4f();
  var dv${c} = vec4f();`,
  )}
  ${heads.eachQueryHead(
    blocks(
      { from: 'from0', end: 'tile.z' },
      {
        part: `let query = other * stride + headAt;
      let gradient = other * width + headAt;
      ${mine} = vec2f(${dot(
        (c) => `k${c}`,
        (c) => load('qkv', 'query', c),
      )}, ${dot(
        (c) => `v${c}`,
        (c) => load('dOut', 'gradient', c),
      )});`,
        pair: `let saved = head * params.R + other;
      let s = sum.x${heads.distance('other', 'row')};
      let p = select(0.0, exp(s - logSumExp[saved]), other >= row);
      parts[at] = vec2f(p, select(0.0, p * (sum.y - delta[saved]), other >= row));`,
        use: `for (var t = 0u; t < count; t++) {
      let query = (first + t) * stride + headAt;
      let gradient = (first + t) * width + headAt;
      let pair = ${kept};
      ${each(
        (c) => `dv${c} += pair.x * ${load('dOut', 'gradient', c)};
      dk${c} += pair.y * ${load('qkv', 'query', c)};`,
      )}
    }`,
      },
    ),
  )}
  ${each(
    (c) => `${store('dQkv', 'keyAt', c, `dk${c} * params.scale`)}
  ${store('dQkv', 'valueAt', c, `dv${c}`)}`,
  )}
}`,
  });
});
