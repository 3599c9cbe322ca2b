/** What LayerNorm's kernels bind and are called, however many lanes share a row. */

/** Of a kernel for rows of `dv` vec4s: `weight` and `bias` if the layer has them. */
export const forwardOperands = (dv: number, weight: boolean, bias: boolean, centred: boolean) => ({
  name: `${centred ? 'layerNorm' : 'rmsNorm'} forward ${4 * dv}${weight ? ' weight' : ''}${bias ? ' bias' : ''}`,
  params: { R: 'u32', eps: 'f32' } as const,
  reads: {
    x: 'array<vec4f>',
    ...(weight ? { weight: 'array<vec4f>' } : {}),
    ...(bias ? { bias: 'array<vec4f>' } : {}),
  },
  writes: { y: 'array<vec4f>', stats: 'array<vec2f>' },
});

/** The same of backward: `residual` if a gradient reaches x around the layer. */
export const backwardOperands = (dv: number, weight: boolean, residual: boolean, centred: boolean) => ({
  name: `${centred ? 'layerNorm' : 'rmsNorm'} backward ${4 * dv}${weight ? ' weight' : ''}${residual ? ' + residual' : ''}`,
  params: { R: 'u32' } as const,
  reads: {
    x: 'array<vec4f>',
    ...(weight ? { weight: 'array<vec4f>' } : {}),
    stats: 'array<vec2f>',
    dy: 'array<vec4f>',
    ...(residual ? { residual: 'array<vec4f>' } : {}),
  },
  writes: { dx: 'array<vec4f>' },
});
