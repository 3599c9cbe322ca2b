/** Tensors made from numbers of the host and on the GPU: values, dtypes, and uneven nesting. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  arange,
  backward,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  type Shape,
  sum,
  type Tensor,
  tensor,
  zeros,
  zerosLike,
} from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { shapes } from '../../oracle/random.ts';
import type { Computation } from '../againstOracle.ts';
import { describeOps, type OpRow } from './battery.ts';

/** Make a computation without inputs. The battery gets the device from an unused input. */
const made = (
  gpu: (device: Device) => Tensor,
  shape: Shape,
  value: (place: number) => number,
): Computation => ({
  inputs: [{ values: Uint32Array.of(0), shape: [1] }],
  gpu: ([x]) => gpu((x as Tensor).device),
  oracle: () =>
    oracle.array(
      Float64Array.from({ length: oracle.sizeOf(shape) }, (_, i) => value(i)),
      shape,
    ),
});

const like = (gpu: (x: Tensor) => Tensor, value: number): fc.Arbitrary<Computation> =>
  shapes().map((shape) => ({
    inputs: [{ values: new Int32Array(oracle.sizeOf(shape)), shape }],
    gpu: ([x]) => gpu(x as Tensor),
    oracle: () => oracle.full(shape, value),
  }));

const ALL = 'f32, i32, u32, bool';
const steps = fc.constantFrom(1, -1, 0.5, -0.25, 3, 0.1);
const size = fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 70 }));

const rows: readonly OpRow[] = [
  {
    name: 'tensor',
    dtypes: ALL,
    cases: shapes({ maxRank: 3 }).map((shape) => {
      const nested = (rest: Shape, first: number): never => {
        const [count, ...inner] = rest;
        if (count === undefined) return first as never;
        return Array.from({ length: count }, (_, i) =>
          nested(inner, first + i * oracle.sizeOf(inner)),
        ) as never;
      };
      // The nesting of an empty array ends at the first 0.
      const seen = shape.includes(0) ? shape.slice(0, shape.indexOf(0) + 1) : shape;
      return made(
        (device) => tensor(device, nested(shape, 0)),
        seen,
        (i) => i,
      );
    }),
  },
  {
    name: 'zeros',
    dtypes: 'all',
    cases: shapes().map((shape) =>
      made(
        (device) => zeros(device, shape),
        shape,
        () => 0,
      ),
    ),
  },
  {
    name: 'ones',
    dtypes: ALL,
    cases: shapes().map((shape) =>
      made(
        (device) => ones(device, shape),
        shape,
        () => 1,
      ),
    ),
  },
  {
    name: 'full',
    dtypes: ALL,
    cases: fc.tuple(shapes(), fc.constantFrom(-1.5, 7, 1e30)).map(([shape, value]) =>
      made(
        (device) => full(device, shape, () => value),
        shape,
        () => Math.fround(value),
      ),
    ),
  },
  { name: 'zerosLike', dtypes: 'all', cases: like(zerosLike, 0) },
  { name: 'onesLike', dtypes: ALL, cases: like(onesLike, 1) },
  { name: 'fullLike', dtypes: ALL, cases: like((x) => fullLike(x, -3), -3) },
  {
    name: 'arange',
    dtypes: 'f32, i32, u32',
    cases: fc.tuple(fc.integer({ min: -9, max: 9 }), steps, size).map(([start, step, count]) =>
      made(
        (device) => arange(device, start, start + (count - 0.5) * step, step),
        [count],
        (i) => start + i * step,
      ),
    ),
  },
  {
    name: 'linspace',
    dtypes: 'f32',
    cases: fc
      .tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }), size)
      .map(([start, end, count]) =>
        made(
          (device) => linspace(device, start, end, count),
          [count],
          (i) => (count === 1 ? start : start + (i * (end - start)) / (count - 1)),
        ),
      ),
  },
  {
    name: 'eye',
    dtypes: ALL,
    cases: fc.tuple(size, size).map(([n, m]) =>
      made(
        (device) => eye(device, n, m),
        [n, m],
        (i) => Number(Math.floor(i / m) === i % m),
      ),
    ),
  },
];

describeOps(
  'Creation',
  rows.map((row) => ({ ...row, runs: 16 })),
);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  const listed = async (x: Tensor) => [...(await x.data())];

  test('dtypes: of the values, or as told', async () => {
    using _ = device.scope();
    expect(tensor(device, [1, 2]).dtype).toBe('f32');
    expect(tensor(device, 3)).toMatchObject({ dtype: 'f32', shape: [] });
    expect(tensor(device, [[true], [false]])).toMatchObject({ dtype: 'bool', shape: [2, 1] });
    expect(tensor(device, Int16Array.of(1)).dtype).toBe('i32');
    expect(tensor(device, Uint8Array.of(1)).dtype).toBe('u32');
    expect(await listed(tensor(device, Float64Array.of(0.1, 2), { shape: [2, 1] }))).toEqual([
      Math.fround(0.1),
      2,
    ]);
    expect(await listed(tensor(device, [1.7, -1.7], { dtype: 'i32' }))).toEqual([1, -1]);
    expect(await listed(tensor(device, [0, 2, -1], { dtype: 'bool' }))).toEqual([0, 1, 1]);
    expect(await listed(tensor(device, [true, false], { dtype: 'f32' }))).toEqual([1, 0]);
    expect(await listed(full(device, [2], true))).toEqual([1, 1]);
    expect(await listed(full(device, [2], () => 5, { dtype: 'bool' }))).toEqual([1, 1]);
    expect(await listed(full(device, [1], 2 ** 32 - 1, { dtype: 'u32' }))).toEqual([2 ** 32 - 1]);
    expect(await listed(full(device, [1], -7, { dtype: 'i32' }))).toEqual([-7]);
    expect(await listed(arange(device, 5, -7, -4, { dtype: 'i32' }))).toEqual([5, 1, -3]);
    expect(await listed(arange(device, 3, { dtype: 'u32' }))).toEqual([0, 1, 2]);
    expect(await listed(arange(device, 2 ** 24, 2 ** 24 + 3, { dtype: 'u32' }))).toEqual(
      [0, 1, 2].map((i) => 2 ** 24 + i),
    );
    expect(await listed(eye(device, 2, 2, { dtype: 'bool' }))).toEqual([1, 0, 0, 1]);
    expect(zeros(device, [3], { dtype: 'f16' })).toMatchObject({ dtype: 'f16', shape: [3] });
    expect(onesLike(tensor(device, [1], { dtype: 'i32' })).dtype).toBe('i32');
  });

  test('special values arrive as they are', async () => {
    using _ = device.scope();
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0];
    for (const value of special)
      expect(await listed(full(device, [3], value))).toEqual([value, value, value]);
    expect(await listed(tensor(device, special))).toEqual(special);
  });

  test('both ends of linspace are exact', async () => {
    using _ = device.scope();
    const [start, end] = [Math.fround(0.1), Math.fround(0.7)];
    const x = await listed(linspace(device, start, end, 1001));
    expect([x[0], x[1000]]).toEqual([start, end]);
  });

  test('a leaf with a gradient, and a value that changes from replay to replay', async () => {
    const x = tensor(device, [1, 2], { requiresGrad: true });
    backward(sum(x));
    expect(await x.grad?.data()).toEqual(Float32Array.of(1, 1));
    expect(ones(device, [2], { requiresGrad: true }).requiresGrad).toBe(true);

    let value = 1;
    const y = zeros(device, [2]);
    using recording = device.record(() => {
      y.set(full(device, [2], () => value));
    });
    recording.replay();
    value = 4;
    recording.replay();
    expect(await listed(y)).toEqual([4, 4]);
  });

  test('what is refused', () => {
    using _ = device.scope();
    expect(() => tensor(device, [[1, 2], [3]])).toThrow(
      /tensor: values\[1\] has 1 values, the first at its level 2/,
    );
    expect(() =>
      tensor(device, [
        [[1], [2]],
        [[3], 4],
      ]),
    ).toThrow(/values\[1\]\[1\] has one value, the first/);
    expect(() => tensor(device, [1, [2]])).toThrow(
      /values\[1\] has 1 values, the first at its level one value/,
    );
    expect(() => tensor(device, [1, true] as never)).toThrow(/numbers and booleans are mixed/);
    expect(() => tensor(device, [1, 2, 3], { shape: [2] })).toThrow(/3 values do not fill shape \(2\)/);
    expect(() => tensor(device, [-1], { dtype: 'u32' })).toThrow(/-1 at 0 does not fit u32/);
    expect(() => tensor(device, [1], { dtype: 'f16' })).toThrow(/f16/);
    expect(() => tensor(device, [1], { dtype: 'i32', requiresGrad: true })).toThrow(/i32 has no gradient/);
    expect(() => zeros(device, [-1])).toThrow(/zeros: \(-1\) is no shape/);
    expect(() => arange(device, 0, 5, -1)).toThrow(/arange: steps of -1 do not lead from 0 to 5/);
    expect(() => arange(device, 0, 5, 0)).toThrow(/arange: steps of 0/);
    expect(() => arange(device, 0.5, 5, { dtype: 'i32' })).toThrow(/start 0.5 and step 1 are not integers/);
  });
});
