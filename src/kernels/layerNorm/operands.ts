/** Operands, names and bindings of LayerNorm's kernels, however many lanes share a row. */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import type { Variant } from '../../gpu/variants.ts';

/** Operands of both passes. */
export interface LayerNormViews {
  readonly x: BufferView;
  /** (d); 1 without it. */
  readonly weight?: BufferView | undefined;
  /** True to subtract the mean, as in LayerNorm; RMSNorm uses 0 instead. */
  readonly centred: boolean;
  /** Mean and reciprocal standard deviation of each row: (R,2). */
  readonly stats: BufferView;
  readonly R: number;
  readonly d: number;
}

/** Operands of the forward pass. */
export interface ForwardOptions extends LayerNormViews {
  readonly bias?: BufferView | undefined;
  readonly y: BufferView;
  readonly eps: number;
}

/** Operands of the backward pass. */
export interface BackwardOptions extends LayerNormViews {
  readonly dy: BufferView;
  /** (R,d): gradient that reaches x around the layer. */
  readonly residual?: BufferView | undefined;
  readonly dx?: BufferView | undefined;
  /** True if gradients of weight or bias are wanted. */
  readonly weights: boolean;
  /** (parts,2,d): gradients of weight and bias, of some rows each, if they are wanted and the variant sums them. */
  readonly parts?: BufferView | undefined;
}

/** A kernel of the backward pass. */
export interface BackwardVariant extends Variant<BackwardOptions> {
  /** Return the number of parts of the weights' gradients that it sums; 0 if these take a kernel of their own. */
  readonly partCount: (device: Device, options: BackwardOptions) => number;
}

/** Form of a kernel for rows of `dv` vec4s. */
export interface ForwardForm {
  readonly dv: number;
  readonly weight: boolean;
  readonly bias: boolean;
  readonly centred: boolean;
}

/** Form of a kernel for the gradients; `residual` if one reaches x around the layer. */
export interface BackwardForm {
  readonly dv: number;
  readonly weight: boolean;
  readonly residual: boolean;
  readonly centred: boolean;
}

/** Return what forward kernels bind: `weight` and `bias` if the layer has them. */
export const forwardOperands = ({ dv, weight, bias, centred }: ForwardForm) => ({
  name: `${centred ? 'layerNorm' : 'rmsNorm'} forward ${4 * dv}${weight ? ' weight' : ''}${bias ? ' bias' : ''}`,
  params: { R: 'u32', eps: 'f32' } as const,
  reads: {
    x: 'array<vec4f>',
    weight: weight ? 'array<vec4f>' : undefined,
    bias: bias ? 'array<vec4f>' : undefined,
  },
  writes: { y: 'array<vec4f>', stats: 'array<vec2f>' },
});

/** Return what backward kernels bind. */
export const backwardOperands = ({ dv, weight, residual, centred }: BackwardForm) => ({
  name: `${centred ? 'layerNorm' : 'rmsNorm'} backward ${4 * dv}${weight ? ' weight' : ''}${residual ? ' + residual' : ''}`,
  params: { R: 'u32' } as const,
  reads: {
    x: 'array<vec4f>',
    weight: weight ? 'array<vec4f>' : undefined,
    stats: 'array<vec2f>',
    dy: 'array<vec4f>',
    residual: residual ? 'array<vec4f>' : undefined,
  },
  writes: { dx: 'array<vec4f>' },
});

/** Return the form of the forward kernel for these operands. */
export const forwardFormOf = ({ d, weight, bias, centred }: ForwardOptions): ForwardForm => ({
  dv: d / 4,
  weight: weight !== undefined,
  bias: bias !== undefined,
  centred,
});

/** Return the form of the backward kernel for these operands. */
export const backwardFormOf = ({ d, weight, residual, centred }: BackwardOptions): BackwardForm => ({
  dv: d / 4,
  weight: weight !== undefined,
  residual: residual !== undefined,
  centred,
});

/** Return a view that some launches lack. @throws Error if this one does. */
export function expectView(name: 'dx' | 'parts', view: BufferView | undefined): BufferView {
  if (view) return view;
  throw new Error(`LayerNorm backward: nothing is bound as '${name}'`);
}
