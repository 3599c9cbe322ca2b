/** Running sums and products along any axis, in one block and in several, with zeros among the factors. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { backward, cumprod, cumsum, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { normals, shapes } from '../../oracle/random.ts';
import { expectSameAsOracle, type FloatOperand, random, summed } from '../againstOracle.ts';
import { describeOps, unaryCase } from './battery.ts';

/** Return values near 1 and −1, so that long products neither vanish nor overflow, and some zeros. */
const factors = (shape: readonly number[], seed: number): FloatOperand => {
  const { values } = random(shape, seed);
  return { values: values.map((x) => (Math.abs(x) < 0.03 ? 0 : Math.sign(x) * (1 + 0.02 * x))), shape };
};

const OPS = [
  { name: 'cumsum', gpu: cumsum, reference: oracle.cumsum, operand: random },
  { name: 'cumprod', gpu: cumprod, reference: oracle.cumprod, operand: factors },
] as const;

const along = (
  { gpu, reference, operand }: (typeof OPS)[number],
  shape: readonly number[],
  axis: number,
  seed: number,
) => ({
  ...unaryCase(
    operand(shape, seed),
    (x: Tensor) => gpu(x, axis),
    (x) => reference(x, axis),
  ),
  forward: summed(shape.at(axis) ?? 1),
  gradient: () => summed(shape.at(axis) ?? 1, 4),
});

describeOps(
  'Scans',
  OPS.map((op) => ({
    name: op.name,
    dtypes: 'f32, i32, u32, bool',
    // The reference of a product takes the cube of a row's length.
    cases: shapes({ minRank: 1, maxElements: 200 }).chain((shape) =>
      fc
        .tuple(fc.integer({ min: -shape.length, max: shape.length - 1 }), fc.nat())
        .map(([axis, seed]) => along(op, shape, axis, seed)),
    ),
    runs: 20,
    small: along(op, [2, 3, 4], 1, 1),
  })),
);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each([
    [[256], 0],
    [[3, 257], 1],
    [[300, 3], 0],
    [[2, 520, 2], 1],
  ] as const)('rows of several blocks: %j along axis %i', async (shape, axis) => {
    await expectSameAsOracle(device, along(OPS[0], shape, axis, 3));
    if (shape.length < 3) await expectSameAsOracle(device, along(OPS[1], shape, axis, 3));
  });

  test('one row of more than 65,536 values, in blocks of blocks of blocks', async () => {
    using _ = device.scope();
    const length = 200_000;
    const x = Tensor.from(device, new Float32Array(length).fill(1)).requireGrad();
    const y = cumsum(x);
    const counted = (n: number) => Float32Array.from({ length: n }, (_unused, i) => i + 1);
    const exact = { rtol: 0, atol: 0 };
    expectClose(await y.data(), counted(length), exact);
    backward(y, Tensor.from(device, new Float32Array(length).fill(1)));
    expectClose((await x.grad?.data()) ?? [], counted(length).reverse(), exact);

    const ratios = normals(5, length).map((z) => Math.exp(z * 0.01));
    const expected = new Float64Array(length);
    let product = 1;
    ratios.forEach((ratio, i) => {
      product *= ratio;
      expected[i] = product;
    });
    expectClose(await cumprod(Tensor.from(device, ratios)).data(), expected, { rtol: 1e-3 });
  });

  test('the gradient of a long product with zeros, against the one without division', async () => {
    using _ = device.scope();
    const length = 1000;
    for (const zeros of [[], [0], [500], [300, 700], [999]]) {
      const values = factors([length], 6).values.map((x) => x || 1);
      for (const at of zeros) values[at] = 0;
      const seeds = normals(7, length);
      const x = Tensor.from(device, values).requireGrad();
      backward(cumprod(x), Tensor.from(device, seeds));
      const expected = new Float64Array(length);
      // dxᵢ = (product before i) · (dyᵢ + xᵢ₊₁·(dyᵢ₊₁ + …)), in float64.
      const before = [1];
      for (let i = 1; i < length; i++) before.push((before[i - 1] ?? 0) * (values[i - 1] ?? 0));
      let after = 0;
      for (let i = length - 1; i >= 0; i--) {
        after = (seeds[i] ?? 0) + (values[i + 1] ?? 0) * after;
        expected[i] = (before[i] ?? 0) * after;
      }
      expectClose((await x.grad?.data()) ?? [], expected, { ...summed(length, 20), rtol: 1e-4 });
    }
  });

  test('integers wrap, a scalar is a row of one', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, Int32Array.of(2 ** 31 - 1, 1, -3, 5), [2, 2]);
    expect([...(await cumsum(x).data())]).toEqual([2 ** 31 - 1, -(2 ** 31), -3, 2]);
    expect([...(await cumprod(x, 0).data())]).toEqual([2 ** 31 - 1, 1, Math.imul(2 ** 31 - 1, -3), 5]);
    expect(cumsum(x).dtype).toBe('i32');
    const flags = Tensor.from(device, [true, true, false]);
    expect(cumsum(flags).dtype).toBe('u32');
    expect([...(await cumsum(flags).data()), ...(await cumprod(flags).data())]).toEqual([1, 2, 2, 1, 1, 0]);
    const scalar = Tensor.from(device, [7], []);
    expect([await cumsum(scalar).item(), await cumprod(scalar).item()]).toEqual([7, 7]);
  });

  test('what is refused', () => {
    using _ = device.scope();
    expect(() => cumsum(Tensor.zeros(device, [2, 3]), 2)).toThrow(
      /cumsum: axis 2 does not exist in shape \(2,3\)/,
    );
    expect(() => cumprod(Tensor.zeros(device, [2], 'f16'))).toThrow(/cumprod: x \(2\) has dtype f16/);
  });
});
