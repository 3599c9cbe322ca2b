/** Names and bindings of LayerNorm's kernels, however many lanes share a row. */

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
