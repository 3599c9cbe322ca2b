/**
 * Dropout: y = x·m/(1 − p), m = 1 with probability 1 − p. The mask is a function of (seed, stream, step, element), so
 * the backward pass recomputes it: it is the same kernel applied to the gradient.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar, scalarValue } from '../gpu/kernel.ts';
import { perElement } from '../gpu/perElement.ts';
import { PHILOX_WGSL } from './philox.ts';

const dropoutKernel = defineKernel({
  name: 'dropout',
  params: { count: 'u32', first: 'u32', p: 'f32', seed: 'u32', seedHigh: 'u32', stream: 'u32', step: 'u32' },
  reads: { x: 'array<f32>' },
  writes: { y: 'array<f32>' },
  functions: PHILOX_WGSL,
  ...perElement('count', { each: 4 })`let key = vec2u(params.seed, params.seedHigh);
  let random = uniform4(philox(vec4u(params.first + id, params.step, params.stream, 0xd409u), key));
  for (var i = 0u; i < min(4u, params.count - id * 4); i++) {
    y[id * 4 + i] = select(0.0, x[id * 4 + i] / (1.0 - params.p), random[i] >= params.p);
  }`,
});

/** The key of a mask. Its values depend on this and the element. */
export interface MaskKey {
  readonly seed: Scalar;
  /** The upper 32 bits of a long seed. */
  readonly seedHigh?: Scalar;
  readonly stream: number;
  readonly step: Scalar;
  /** Elements before the first one, where this is a part of a tensor: a multiple of 4. */
  readonly start?: Scalar;
}

export function applyDropout(
  device: Device,
  x: BufferView,
  y: BufferView,
  count: number,
  p: number,
  { seed, seedHigh = 0, stream, step, start = 0 }: MaskKey,
): void {
  const first = typeof start === 'number' ? start / 4 : () => scalarValue(start) / 4;
  const params = { count, first, p, seed, seedHigh, stream, step };
  device.launch(dropoutKernel, { x, y }, params);
}
