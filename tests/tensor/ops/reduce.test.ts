/** Sums and means over any axes: empty ones, single ones, and long enough to be summed in parts of parts. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { backward, mean, square, sum, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { seeded, shapes } from '../../oracle/random.ts';
import { expectFiniteDifferences, expectSameAsOracle, random, summed } from '../againstOracle.ts';

/** A shape, some of its axes (now and then counted from the end) and whether to keep them. */
const reductions = shapes({ maxRank: 3, maxElements: 3000 }).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.option(
      fc
        .tuple(fc.subarray(shape.map((_, i) => i)), fc.boolean())
        .map(([axes, fromEnd]) => axes.map((axis) => (fromEnd ? axis - shape.length : axis))),
      { nil: undefined },
    ),
    keepDims: fc.boolean(),
    seed: fc.nat(),
  }),
);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each([
    { name: 'sum', gpu: sum, reference: oracle.sum },
    { name: 'mean', gpu: mean, reference: oracle.mean },
  ])('$name over any axes', async ({ gpu, reference }) => {
    const property = fc.asyncProperty(reductions, async ({ shape, axes, keepDims, seed }) => {
      await expectSameAsOracle(device, {
        inputs: [random(shape, seed)],
        gpu: ([x]) => gpu(x as Tensor, { keepDims, ...(axes ? { axes } : {}) }),
        oracle: ([x]) => reference(x as oracle.Array64, axes, keepDims),
        forward: { ...summed(oracle.sizeOf(shape)), equalNaN: true },
      });
    });
    await fc.assert(property, { ...seeded, numRuns: 40 });
  });

  test('a long sum is made in parts, of all values and of columns', async () => {
    // 256 values a part: 70,000 make 274 parts, which make 2 again.
    await expectSameAsOracle(device, {
      inputs: [random([70_000], 1, 0.5)],
      gpu: ([x]) => [sum(x as Tensor), mean(x as Tensor)],
      oracle: ([x]) => [oracle.sum(x as oracle.Array64), oracle.mean(x as oracle.Array64)],
      // The sum is near 35,000: a few of its last places.
      forward: { rtol: 1.3e-6, atol: 1e-2 },
    });
    await expectSameAsOracle(device, {
      inputs: [random([3, 700, 5], 2)],
      gpu: ([x]) => sum(x as Tensor, { axes: [1] }),
      oracle: ([x]) => oracle.sum(x as oracle.Array64, 1),
      forward: summed(256),
    });
  });

  test('an empty sum is 0 and an empty mean NaN', async () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 0, 3]).requireGrad();
    const total = sum(x, { axes: [1] });
    expect(total.shape).toEqual([2, 3]);
    expect([...(await total.data())]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...(await mean(x, { axes: [1] }).data())]).toEqual(new Array(6).fill(Number.NaN));
    expect((await sum(x, { axes: [0] }).data()).length).toBe(0);
    backward(sum(square(x)));
    expect(x.grad?.shape).toEqual([2, 0, 3]);
  });

  test('finite differences', async () => {
    const f = ([x]: readonly Tensor[]) => mean(square(sum(x as Tensor, { axes: [1], keepDims: true })));
    await expectFiniteDifferences(device, f, [random([3, 4], 3)]);
  });

  test('axes that do not exist, or twice, are refused', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    expect(() => sum(x, { axes: [2] })).toThrow(/sum: axis 2 does not exist in shape \(2,3\)/);
    expect(() => mean(x, { axes: [-3] })).toThrow(/mean: axis -3/);
    expect(() => sum(x, { axes: [0.5] })).toThrow(/sum: axis 0.5/);
    expect(() => sum(x, { axes: [1, -1] })).toThrow(/sum: axis -1 is named twice/);
  });

  test('every part is counted once', async () => {
    using _ = device.scope();
    for (const n of [255, 256, 257, 511, 512, 513, 65_536, 65_537]) {
      const ones = Tensor.from(device, new Float32Array(n).fill(1));
      expectClose([await sum(ones).item()], [n], { rtol: 0, atol: 0, label: `${n} ones` });
    }
  });
});
