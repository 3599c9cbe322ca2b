/**
 * Dropout: y = x·m/(1 − p), m = 1 with probability 1 − p. The mask is a function of (seed, stream, element), so the
 * backward pass recomputes it: it is the same kernel applied to the gradient.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_INDEX, linearGrid, THREAD_ARGS } from '../gpu/kernel.ts';
import { PHILOX_WGSL } from './philox.ts';

const dropoutKernel = defineKernel({
  name: 'dropout',
  params: { count: 'u32', p: 'f32', seed: 'u32', stream: 'u32', step: 'u32' },
  reads: { x: 'array<f32>' },
  writes: { y: 'array<f32>' },
  code: `${PHILOX_WGSL}
@compute @workgroup_size(64)
fn main(${THREAD_ARGS}) {
  let id = ${GROUP_INDEX} * 64 + thread;
  if (id * 4 >= params.count) { return; }
  let random = uniform4(philox(vec4u(id, params.step, params.stream, 0xd409u), vec2u(params.seed, 0u)));
  for (var i = 0u; i < min(4u, params.count - id * 4); i++) {
    y[id * 4 + i] = select(0.0, x[id * 4 + i] / (1.0 - params.p), random[i] >= params.p);
  }
}`,
});

/** What makes a dropout mask: the same key gives the same mask. */
export interface DropoutKey {
  readonly seed: number;
  /** Which dropout of the model this is. */
  readonly stream: number;
  readonly step: number;
}

export function applyDropout(
  device: Device,
  x: BufferView,
  y: BufferView,
  count: number,
  p: number,
  key: DropoutKey,
): void {
  device.launch(dropoutKernel, { x, y }, { count, p, ...key }, linearGrid(Math.ceil(count / 256)));
}
