/** Reading and adding at indices: repeats, indices out of range, index tensors smaller than the operand. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import {
  gather,
  indexSelect,
  oneHot,
  scatterAdd,
  Tensor,
  type Tensor as TensorType,
} from '../../../src/tensor/index.ts';
import { largeTest, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { dimension, integers, normals, shapes } from '../../oracle/random.ts';
import { type Computation, expectSameAsOracle, type Operand, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';
import { anyDtype, indices } from './operands.ts';

const positionsOf = (index: Operand): oracle.Indices => ({
  data: Array.from(index.values, Number),
  shape: index.shape,
});

/** Return the value that an index out of range reads. */
const missingOf = ({ values }: Operand): number => (values instanceof Float32Array ? Number.NaN : 0);

const gathered = (x: Operand, axis: number, index: Operand): Computation => ({
  inputs: [x, index],
  gpu: ([a, i]) => gather(a as Tensor, axis, i as Tensor),
  oracle: ([a]) => oracle.gather(a as oracle.Array64, axis, positionsOf(index), missingOf(x)),
  forward: { equalNaN: true },
  gradient: () => summed(index.shape.at(axis) as number),
});

const selected = (x: Operand, axis: number, index: Operand): Computation => ({
  inputs: [x, index],
  gpu: ([a, i]) => indexSelect(a as Tensor, axis, i as Tensor),
  oracle: ([a]) => oracle.indexSelect(a as oracle.Array64, axis, positionsOf(index).data),
  gradient: () => summed(oracle.sizeOf(index.shape)),
});

const scattered = (x: Operand, axis: number, index: Operand, source: Operand): Computation => ({
  inputs: [x, index, source],
  gpu: ([a, i, s]) => scatterAdd(a as Tensor, axis, i as Tensor, s as Tensor),
  oracle: ([a, , s]) => oracle.scatterAdd(a as oracle.Array64, axis, positionsOf(index), s as oracle.Array64),
  forward: summed(1 + (index.shape.at(axis) as number)),
});

const hot = (index: Operand, classes: number, dtype?: 'i32' | 'u32' | 'bool'): Computation => ({
  inputs: [index],
  gpu: ([i]) => oneHot(i as Tensor, classes, dtype),
  oracle: () => oracle.oneHot(positionsOf(index), classes),
});

/** A shape, an axis, and a shape that is no larger in all other axes. */
const shapeAndIndex = shapes({ minRank: 1, maxRank: 4 }).chain((shape) =>
  fc
    .tuple(
      fc.integer({ min: -shape.length, max: shape.length - 1 }),
      dimension(),
      fc.tuple(...shape.map((n) => fc.oneof({ weight: 3, arbitrary: fc.constant(n) }, fc.nat(n)))),
    )
    .map(([axis, count, smaller]) => {
      const index = smaller.with(axis, count);
      const room = Math.max(1, Math.floor(8192 / Math.max(1, oracle.sizeOf(smaller.with(axis, 1)))));
      // Nothing exists along an empty axis.
      const places = shape.at(axis) === 0 ? 0 : Math.min(count, room);
      return { shape, axis, index: index.with(axis, places) };
    }),
);

const small = { values: Int32Array.of(1, 1, 0, 2), shape: [2, 2] } as const;

describeOps('Indexing', [
  {
    name: 'gather',
    dtypes: 'all but f16',
    runs: 25,
    cases: shapeAndIndex.chain(({ shape, axis, index }) =>
      fc
        .tuple(anyDtype(shape), indices(index, shape.at(axis) as number))
        .map(([x, i]) => gathered(x, axis, i)),
    ),
    small: gathered(random([3, 4], 1), 1, small),
  },
  {
    name: 'indexSelect',
    dtypes: 'all but f16',
    runs: 20,
    cases: shapes({ minRank: 1, allowEmpty: false, maxElements: 1000 }).chain((shape) =>
      fc
        .tuple(fc.integer({ min: -shape.length, max: shape.length - 1 }), dimension())
        .chain(([axis, count]) =>
          fc
            .tuple(anyDtype(shape), indices([Math.min(count, 130)], shape.at(axis) as number))
            .map(([x, i]) => selected(x, axis, i)),
        ),
    ),
    small: selected(random([3, 4], 1), 1, { values: Uint32Array.of(2, 0, 2), shape: [3] }),
  },
  {
    name: 'scatterAdd',
    dtypes: 'f32, i32, u32',
    runs: 25,
    cases: shapeAndIndex.chain(({ shape, axis, index }) =>
      fc
        .tuple(fc.nat(), fc.nat(2), fc.boolean(), indices(index, shape.at(axis) as number))
        .map(([seed, more, whole, i]) => {
          const sourceShape = index.map((n) => n + more);
          if (!whole) return scattered(random(shape, seed), axis, i, random(sourceShape, seed + 1));
          const numbers = (of: readonly number[], salt: number): Operand => ({
            values: Int32Array.from(integers(seed + salt, oracle.sizeOf(of), 200), (n) => n - 100),
            shape: of,
          });
          return scattered(numbers(shape, 0), axis, i, numbers(sourceShape, 1));
        }),
    ),
    small: scattered(random([3, 4], 1), 1, small, random([2, 3], 2)),
  },
  {
    name: 'oneHot',
    dtypes: 'u32, i32',
    cases: shapes({ maxElements: 300 }).chain((shape) =>
      fc
        .tuple(
          indices(shape, 5),
          fc.constantFrom(5, 57, 60),
          fc.constantFrom(undefined, 'i32', 'u32', 'bool'),
        )
        .map(([i, classes, dtype]) => hot(i, classes, dtype)),
    ),
  },
]);

describe('indexing', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());
  const floats = async (x: TensorType) => Array.from(await x.data());

  test('integers wrap around', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, Uint32Array.of(0xffff_ffff));
    const index = Tensor.from(device, Uint32Array.of(0, 0));
    expect(await floats(scatterAdd(x, 0, index, Tensor.from(device, Uint32Array.of(1, 4))))).toEqual([4]);
  });

  largeTest('10,000 values for a handful of places, and the same bits every time', async () => {
    const count = 10_000;
    const index = { values: Uint32Array.from(integers(1, count, 5)), shape: [count] };
    await expectSameAsOracle(device, {
      ...scattered(random([7], 1), 0, index, random([count], 2)),
      forward: summed(count / 5),
    });
    using _ = device.scope();
    const run = () => {
      const source = Tensor.from(device, normals(2, count));
      const i = Tensor.from(device, index.values);
      return floats(scatterAdd(Tensor.zeros(device, [7]), 0, i, source));
    };
    expect(await run()).toEqual(await run());
  });

  test('what does not fit is named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    const index = (...shape: number[]) => Tensor.zeros(device, shape, 'u32');
    const half = Tensor.zeros(device, [2, 3], 'f16');
    expect(() => gather(x, 1, Tensor.zeros(device, [2, 1]))).toThrow(/gather: index \(2,1\) has dtype f32/);
    expect(() => gather(x, 1, index(3, 1))).toThrow(/gather: the index \(3,1\) does not fit \(2,3\)/);
    expect(() => gather(x, 1, index(2))).toThrow(/gather: the index \(2\) does not fit \(2,3\)/);
    expect(() => gather(x, 2, index(2, 3))).toThrow(/gather: axis 2/);
    expect(() => gather(half, 1, index(2, 3))).toThrow(/gather: .*f16/);
    expect(() => indexSelect(x, 0, index(1, 1))).toThrow(/indexSelect: the index has shape \(1,1\)/);
    expect(() => indexSelect(half, 0, index(1))).toThrow(/indexSelect: .*f16/);
    expect(() => scatterAdd(x, 1, index(2, 3), Tensor.zeros(device, [2, 2]))).toThrow(
      /scatterAdd: the index \(2,3\) does not fit \(2,2\)/,
    );
    expect(() => scatterAdd(x, 1, index(3, 3), Tensor.zeros(device, [3, 3]))).toThrow(
      /scatterAdd: the index \(3,3\) does not fit \(2,3\)/,
    );
    expect(() => scatterAdd(x, 1, index(2, 3), index(2, 3))).toThrow(/scatterAdd: .*f32.*u32/);
    expect(() => oneHot(x, 3)).toThrow(/oneHot: index .*dtype f32/);
    expect(() => oneHot(index(2), -1)).toThrow(/oneHot: -1 classes for the index \(2\)/);
  });
});
