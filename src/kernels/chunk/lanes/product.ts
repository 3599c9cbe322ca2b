/**
 * Products of rows in workgroup memory with packed weights. A lane computes one vec4 of columns for all sequences, so that it
 * loads a weight once. Where columns leave lanes free, they share the sums along K, which are then added in a fixed order.
 */
import { unroll } from '../../../gpu/kernel.ts';
import type { ChunkLinear } from '../form.ts';
import { type LanesLayout, productParts } from './layout.ts';

/** Operands of a product, beside its weights. */
export interface ProductRows {
  /** Array that holds the rows of the left side, end to end. */
  readonly from: string;
  /** vec4s from one row to the next. */
  readonly stride: number;
  /** WGSL that stores the vec4 `value` of column `column` of a sequence, a WGSL expression. */
  readonly store: (sequence: string) => string;
}

/** Return WGSL of a product whose weights lie from vec4 `block` on. */
export function productWgsl(
  { weight, bias, inputs, outputs }: ChunkLinear<number>,
  { from, stride, store }: ProductRows,
  { threads, sequences }: LanesLayout,
  block: string,
): string {
  const columns = Math.ceil(outputs / 4);
  const depth = inputs / 4;
  const parts = productParts(threads, inputs, outputs);
  const each = (text: (s: number) => string): string => unroll(sequences, text);
  const added = bias === undefined ? '' : ` + weights[${block} + ${bias} + column]`;
  const sums = (first: string, end: string): string => `
      ${each((s) => `var sum${s} = vec4f();`)}
      for (var k = ${first}; k < ${end}; k++) {
        let at = ${block} + ${weight} + k * ${4 * columns} + column;
        ${unroll(4, (i) => `let w${i} = weights[at + ${i * columns}];`)}
        ${each((s) => `let v${s} = ${from}[${s * stride} + k]; sum${s} += v${s}.x * w0 + v${s}.y * w1 + v${s}.z * w2 + v${s}.w * w3;`)}
      }`;
  if (parts === 1) {
    return `for (var column = thread; column < ${columns}; column += ${threads}) {${sums('0u', `${depth}u`)}
      ${each((s) => `{ let value = sum${s}${added}; ${store(`${s}u`)} }`)}
    }
    workgroupBarrier();`;
  }
  return `if (thread < ${parts * columns}) {
      let column = thread % ${columns};
      let first = thread / ${columns} * ${depth / parts};${sums('first', `first + ${depth / parts}`)}
      ${each((s) => `partials[${s * parts * columns} + thread] = sum${s};`)}
    }
    workgroupBarrier();
    for (var i = thread; i < ${sequences * columns}; i += ${threads}) {
      let column = i % ${columns};
      let at = i / ${columns} * ${parts * columns} + column;
      let value = ${unroll(parts, (p) => `partials[at + ${p * columns}]`, ' + ')}${added};
      ${store(`(i / ${columns})`)}
    }
    workgroupBarrier();`;
}
