/** Joining and splitting: any number of tensors, any axis, parts of no size. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { backward, cat, chunk, roll, split, stack, sum, Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { dimension, shapes } from '../../oracle/random.ts';
import { type Computation, type Operand, random } from '../againstOracle.ts';
import { describeOps, unaryCase } from './battery.ts';
import { anyDtype } from './operands.ts';

const joined = (inputs: readonly Operand[], axis: number): Computation => ({
  inputs,
  gpu: (tensors) => cat(tensors, axis),
  oracle: (arrays) => oracle.cat(arrays, axis),
});

const stacked = (inputs: readonly Operand[], axis: number): Computation => ({
  inputs,
  gpu: (tensors) => stack(tensors, axis),
  oracle: (arrays) => oracle.stack(arrays, axis),
});

const cut = (
  x: Operand,
  gpu: (x: Tensor) => readonly Tensor[],
  sizes: readonly number[],
  axis: number,
): Computation => ({
  inputs: [x],
  gpu: ([a]) => gpu(a as Tensor),
  oracle: ([a]) => oracle.split(a as oracle.Array64, sizes, axis),
});

const rolled = (x: Operand, shift: number, axis: number) =>
  unaryCase(
    x,
    (a) => roll(a, shift, axis),
    (a) => oracle.roll(a, shift, axis),
  );

const withAxis = shapes({ minRank: 1, maxRank: 5 }).chain((shape) =>
  fc.tuple(fc.constant(shape), fc.integer({ min: -shape.length, max: shape.length - 1 }), fc.nat()),
);

/** A tuple of operands of these shapes and of one dtype. */
const alike = (all: readonly (readonly number[])[]): fc.Arbitrary<Operand[]> =>
  fc
    .tuple(...all.map(anyDtype))
    .filter((operands) => new Set(operands.map(({ values }) => values.constructor)).size === 1);

/** As torch.split and torch.chunk cut a length. */
const pieces = (length: number, size: number): number[] => {
  const sizes: number[] = [];
  for (let left = length; left > 0; left -= size) sizes.push(Math.min(size, left));
  return sizes.length === 0 ? [0] : sizes;
};

describeOps('Joining', [
  {
    name: 'cat',
    dtypes: 'all but f16',
    runs: 20,
    cases: withAxis.chain(([shape, axis]) =>
      fc
        .array(dimension(), { minLength: 1, maxLength: 4 })
        .chain((sizes) => {
          const room = Math.max(1, Math.floor(4096 / Math.max(1, oracle.sizeOf(shape.with(axis, 1)))));
          return alike(sizes.map((n) => shape.with(axis, Math.min(n, room))));
        })
        .map((inputs) => joined(inputs, axis)),
    ),
    small: joined([random([2, 3], 1), random([2, 1], 2), random([2, 2], 3)], 1),
  },
  {
    name: 'stack',
    dtypes: 'all but f16',
    cases: shapes({ maxElements: 1000 }).chain((shape) =>
      fc
        .tuple(
          fc.integer({ min: 1, max: 4 }).chain((n) => alike(Array(n).fill(shape))),
          fc.integer({ min: -shape.length - 1, max: shape.length }),
        )
        .map(([inputs, axis]) => stacked(inputs, axis)),
    ),
    small: stacked([random([2, 3], 1), random([2, 3], 2)], 1),
  },
  {
    name: 'split',
    dtypes: 'all but f16',
    cases: withAxis.chain(([shape, axis, seed]) =>
      anyDtype(shape).map((x) => {
        const length = shape.at(axis) as number;
        if (seed % 2 === 0) {
          const size = 1 + Math.max((seed >> 1) % (length + 1), Math.floor(length / 9));
          return cut(x, (a) => split(a, size, axis), pieces(length, size), axis);
        }
        const first = (seed >> 1) % (length + 1);
        const second = (seed >> 9) % (length - first + 1);
        const sizes = [first, 0, second, length - first - second];
        return cut(x, (a) => split(a, sizes, axis), sizes, axis);
      }),
    ),
    small: cut(random([2, 6], 1), (a) => split(a, [1, 3, 2], 1), [1, 3, 2], 1),
  },
  {
    name: 'chunk',
    dtypes: 'all but f16',
    cases: withAxis.chain(([shape, axis, seed]) =>
      anyDtype(shape).map((x) => {
        const length = shape.at(axis) as number;
        const chunks = 1 + (seed % 7);
        const sizes = length === 0 ? Array(chunks).fill(0) : pieces(length, Math.ceil(length / chunks));
        return cut(x, (a) => chunk(a, chunks, axis), sizes, axis);
      }),
    ),
    small: cut(random([5, 3], 1), (a) => chunk(a, 2), [3, 2], 0),
  },
  {
    name: 'roll',
    dtypes: 'all but f16',
    cases: withAxis.chain(([shape, axis, seed]) =>
      anyDtype(shape).map((x) => rolled(x, (seed % 301) - 150, axis)),
    ),
    small: rolled(random([3, 5], 1), -2, 1),
  },
]);

describe('joining', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('a part that nothing depends on has gradient 0', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2, 3, 4, 5]).requireGrad();
    const [first, , last] = split(x, 2);
    backward(sum(cat([first as Tensor, last as Tensor, last as Tensor])));
    expect(Array.from((await x.grad?.data()) ?? [])).toEqual([1, 1, 0, 0, 2]);
  });

  test('many tensors', async () => {
    using _ = device.scope();
    const parts = Array.from({ length: 300 }, (_, i) => Tensor.from(device, [i, -i]));
    const values = await stack(parts).data();
    expect(values.every((value, i) => value === (i % 2 === 0 ? i / 2 : -(i - 1) / 2))).toBe(true);
  });

  test('PyTorch’s number of chunks', () => {
    using _ = device.scope();
    const sizes = (n: number, chunks: number) =>
      chunk(Tensor.zeros(device, [n]), chunks).map(({ shape }) => shape[0]);
    expect(sizes(11, 6)).toEqual([2, 2, 2, 2, 2, 1]);
    expect(sizes(12, 5)).toEqual([3, 3, 3, 3]);
    expect(sizes(2, 5)).toEqual([1, 1]);
    expect(sizes(0, 2)).toEqual([0, 0]);
  });

  test('what does not fit is named', () => {
    using _ = device.scope();
    const zeros = (shape: number[], dtype: 'f32' | 'i32' | 'f16' = 'f32') =>
      Tensor.zeros(device, shape, dtype);
    expect(() => cat([])).toThrow(/cat: there is nothing to join/);
    expect(() => cat([zeros([2, 3]), zeros([3, 3])], 1)).toThrow(
      /cat: \(2,3\) f32, \(3,3\) f32 do not join along axis 1/,
    );
    expect(() => cat([zeros([2]), zeros([2], 'i32')])).toThrow(/cat: \(2\) f32, \(2\) i32/);
    expect(() => cat([zeros([])])).toThrow(/cat: axis 0 .*\(\)/);
    expect(() => cat([zeros([2], 'f16')])).toThrow(/cat: .*f16/);
    expect(() => stack([])).toThrow(/stack: there is nothing/);
    expect(() => stack([zeros([2]), zeros([3])])).toThrow(/stack: \(2\) f32, \(3\) f32/);
    expect(() => split(zeros([5]), [2, 2])).toThrow(/split: axis 0 of \(5\) does not split into 2, 2/);
    expect(() => split(zeros([5]), 0)).toThrow(/split: axis 0 of \(5\) does not split into 0/);
    expect(() => chunk(zeros([5]), 0)).toThrow(/chunk: 0 parts of \(5\)/);
    expect(() => roll(zeros([5]), 0.5, 0)).toThrow(/roll: \(5\) by 0.5/);
  });
});
