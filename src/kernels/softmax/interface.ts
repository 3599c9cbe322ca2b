/** Operands of softmax, which all its kernels share. */
import type { BufferView } from '../../gpu/buffers.ts';

/** A tensor seen as (outer, length, inner), and what is computed along its middle axis. */
export interface SoftmaxSize {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** True for the logarithm of the softmax. */
  readonly logarithm: boolean;
}

/** Return true if neighbours in memory belong to one row, false if they belong to rows side by side. */
export const isAlong = ({ inner }: SoftmaxSize): boolean => inner === 1;
/** Return true if the tensor is made of vec4s of neighbours of one row, or of neighbouring rows. */
export const holdsVectors = (size: SoftmaxSize): boolean =>
  (isAlong(size) ? size.length : size.inner) % 4 === 0;

/** Views of the forward pass, x and y, or of the backward pass, y, dy and dx. */
export interface SoftmaxOptions<Views extends Readonly<Record<string, BufferView>>> {
  readonly views: Views;
  readonly size: SoftmaxSize;
}

export type ForwardOptions = SoftmaxOptions<{ readonly x: BufferView; readonly y: BufferView }>;
export type BackwardOptions = SoftmaxOptions<{
  readonly y: BufferView;
  readonly dy: BufferView;
  readonly dx: BufferView;
}>;

/** Parameters of every kernel. `nan` are its bits: WGSL lets a compiler assume that it does not occur. */
export const PARAMS = { rows: 'u32', length: 'u32', inner: 'u32', logarithm: 'u32', nan: 'u32' } as const;

/** Return the parameters of a launch. */
export const paramsOf = ({ outer, length, inner, logarithm }: SoftmaxSize) => ({
  rows: outer * inner,
  length,
  inner,
  logarithm: logarithm ? 1 : 0,
  nan: 0x7fc0_0000,
});

/** Detect values that make a row NaN, NaN and +∞, by their bits, as exp(NaN) is a number on some drivers. */
export const undefinedWgsl = (value: 'f32' | 'vec4f'): string => {
  const wide = value === 'vec4f';
  const bits = (word: string): string => (wide ? `vec4u(${word})` : word);
  return `
fn isUndefined(x: ${value}) -> ${wide ? 'vec4<bool>' : 'bool'} {
  let bits = bitcast<${wide ? 'vec4u' : 'u32'}>(x);
  return (bits == ${bits('0x7f800000u')}) | ((bits & ${bits('0x7fffffffu')}) > ${bits('0x7f800000u')});
}`;
};
