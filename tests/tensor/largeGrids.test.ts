/** More than 65,535 workgroups: users need not know WebGPU's limit along a dimension. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import {
  backward,
  cumsum,
  embedding,
  layerNorm,
  linear,
  logSoftmaxGather,
  ones,
  type Shape,
  softmax,
  sum,
  type Tensor,
  zeros,
} from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';

/** Rows that make more than 65,535 workgroups of 64 or of 32. */
const THREADS = 4_300_000;
const TILES = 2_200_000;

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  const one = (shape: Shape): Tensor => ones(device, shape);
  const ids = (): Tensor => zeros(device, [THREADS], { dtype: 'u32' });

  test.each<[string, () => Tensor, number]>([
    ['layerNorm', () => layerNorm(one([THREADS, 4]), one([4]), one([4])), 1],
    ['softmax', () => softmax(one([THREADS, 1])), 1],
    ['cumsum', () => cumsum(one([THREADS, 1]), 1), 1],
    ['embedding', () => embedding(ids(), one([2, 4])), 1],
    ['logSoftmaxGather', () => logSoftmaxGather(one([THREADS, 1]), ids()).logp, 0],
  ])('%s', async (_name, compute, expected) => {
    using _ = device.scope();
    const values = await compute().data();
    expect(values.every((value) => value === expected)).toBe(true);
  });

  test.each<[string, Shape, Shape, number]>([
    ['many rows', [TILES, 4], [2, 4], TILES],
    ['many outputs', [2, 4], [TILES, 4], 2],
  ])('gradients of linear, %s', async (_name, input, weights, expected) => {
    using _ = device.scope();
    const weight = one(weights).requireGrad();
    backward(sum(linear(one(input), weight)));
    const values = (await weight.grad?.data()) ?? [];
    expect(values.length).toBe(weight.size);
    expect(Array.from(values).every((value) => value === expected)).toBe(true);
  });
});

test('a kernel of one’s own that exceeds the limit is named', async () => {
  const device = await openDevice();
  const kernel = defineKernel({
    name: 'too many',
    params: {},
    reads: {},
    writes: { y: 'array<f32>' },
    code: '@compute @workgroup_size(1) fn main() { y[0] = 1.0; }',
  });
  expect(() => device.launch(kernel, { y: device.allocate(4) }, {}, [65_536])).toThrow(
    expect.objectContaining({ code: 'GRID_TOO_LARGE', where: 'too many' }),
  );
  device.destroy();
});
