/**
 * Dropout: y = x·m/(1 − p), m = 1 with probability 1 − p. The mask is a function of (seed, stream, step, element), so
 * the backward pass recomputes it: it is the same kernel applied to the gradient.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, type Scalar, scalarValue, unroll } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { PHILOX_BLOCKS_WGSL, PHILOX_WGSL } from './philox.ts';

/** An element is 16 values: the words of four counters. `wide` reads and writes vec4s, of which `count` is a multiple. */
const dropoutKernel = memoize((wide: boolean) =>
  defineKernel({
    name: `dropout${wide ? '' : ' of single values'}`,
    params: {
      count: 'u32',
      first: 'u32',
      p: 'f32',
      seed: 'u32',
      seedHigh: 'u32',
      stream: 'u32',
      step: 'u32',
    },
    reads: { x: wide ? 'array<vec4f>' : 'array<f32>' },
    writes: { y: wide ? 'array<vec4f>' : 'array<f32>' },
    functions: `${PHILOX_WGSL}${PHILOX_BLOCKS_WGSL}`,
    ...perElement('count', { each: 16 })`let key = vec2u(params.seed, params.seedHigh);
  let words = philoxBlocks(params.first + id * 4, vec3u(params.step, params.stream, 0xd409u), key);
  ${unroll(4, (b) =>
    wide
      ? `if (id * 16 + ${4 * b} < params.count) {
    y[id * 4 + ${b}] = select(vec4f(), x[id * 4 + ${b}] / (1.0 - params.p), uniform4(words[${b}]) >= vec4f(params.p));
  }`
      : `{
    let random = uniform4(words[${b}]);
    for (var at = id * 16 + ${4 * b}; at < min(id * 16 + ${4 * b + 4}, params.count); at++) {
      y[at] = select(0.0, x[at] / (1.0 - params.p), random[at % 4] >= params.p);
    }
  }`,
  )}`,
  }),
);

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
  device.launch(dropoutKernel(count % 4 === 0), { x, y }, params);
}
