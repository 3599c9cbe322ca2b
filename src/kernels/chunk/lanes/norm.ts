/** Normalisation of `x` to `narrow`. Every lane sums its sequence's row: that takes less time than a barrier for short rows. */
import type { ChunkNorm } from '../form.ts';
import { floatWgsl } from '../literal.ts';
import type { LanesLayout } from './layout.ts';

/** Return WGSL of a norm whose weights lie from vec4 `block` on. */
export function normWgsl(
  { weight, bias, centred, eps }: ChunkNorm<number>,
  { d, lanes }: LanesLayout,
  block: string,
): string {
  const total = (value: string): string =>
    `for (var c = 0u; c < ${d}; c++) { let v = x[row + c]${centred ? ' - mean' : ''}; ${value} }`;
  return `{
    let row = sequence * ${d};
    ${
      centred
        ? `var sum = vec4f();
    for (var c = 0u; c < ${d}; c++) { sum += x[row + c]; }
    let mean = dot(sum, vec4f(1)) / ${4 * d}.0;`
        : ''
    }
    var squares = vec4f();
    ${total('squares += v * v;')}
    let rstd = inverseSqrt(dot(squares, vec4f(1)) / ${4 * d}.0 + ${floatWgsl(eps)});
    for (var c = lane; c < ${d}; c += ${lanes}) {
      let v = x[row + c]${centred ? ' - mean' : ''};
      narrow[row + c] = v * rstd * weights[${block} + ${weight} + c]${bias === undefined ? '' : ` + weights[${block} + ${bias} + c]`};
    }
  }
  workgroupBarrier();`;
}
