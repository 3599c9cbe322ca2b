/** Ops that reinterpret the shape: the same memory, the same values. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { flatten, reshape, squeeze, Tensor, unsqueeze } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { shapes } from '../../oracle/random.ts';
import { type Operand, random } from '../againstOracle.ts';
import { describeOps, unaryCase } from './battery.ts';
import { anyDtype } from './operands.ts';

/** Make the case of an op that gives x the shape `to`. */
const into = (x: Operand, gpu: (x: Tensor) => Tensor, to: readonly number[]) =>
  unaryCase(x, gpu, (a) => oracle.reshape(a, to));

const operands = (options = {}) =>
  shapes({ maxRank: 6, ...options }).chain((shape) => fc.tuple(anyDtype(shape), fc.nat()));

describeOps('Shape', [
  {
    name: 'reshape',
    dtypes: 'all',
    cases: operands().map(([x, seed]) => {
      const size = oracle.sizeOf(x.shape);
      const to = [[size], [size, 1], [1, size], [...x.shape].reverse(), [1, ...x.shape]][
        seed % 5
      ] as number[];
      const unknown = size > 0 && seed % 2 === 0 ? to.with(0, -1) : to;
      return into(x, (a) => reshape(a, to.length === 0 ? to : unknown), to);
    }),
    small: into(random([4, 6], 1), (x) => reshape(x, [3, -1]), [3, 8]),
  },
  {
    name: 'flatten',
    dtypes: 'all',
    cases: operands({ minRank: 1 }).map(([x, seed]) => {
      const { shape } = x;
      const start = seed % shape.length;
      const end = start + ((seed >> 4) % (shape.length - start));
      const middle = oracle.sizeOf(shape.slice(start, end + 1));
      return into(x, (a) => flatten(a, start, end - shape.length), [
        ...shape.slice(0, start),
        middle,
        ...shape.slice(end + 1),
      ]);
    }),
    small: into(random([2, 3, 4], 1), (x) => flatten(x, 1), [2, 12]),
  },
  {
    name: 'squeeze',
    dtypes: 'all',
    cases: operands({ minRank: 1 }).map(([x, seed]) => {
      const { shape } = x;
      const axis = seed % shape.length;
      if (seed % 3 === 0) return into(x, (a) => squeeze(a), [...shape.filter((n) => n !== 1)]);
      const to = shape[axis] === 1 ? shape.toSpliced(axis, 1) : shape;
      return into(x, (a) => squeeze(a, axis), to);
    }),
    small: into(random([4, 1, 6], 1), (x) => squeeze(x, 1), [4, 6]),
  },
  {
    name: 'unsqueeze',
    dtypes: 'all',
    cases: operands({ maxRank: 5 }).map(([x, seed]) => {
      const at = seed % (x.shape.length + 1);
      const axis = seed % 2 === 0 ? at : at - x.shape.length - 1;
      return into(x, (a) => unsqueeze(a, axis), x.shape.toSpliced(at, 0, 1));
    }),
    small: into(random([4, 6], 1), (x) => unsqueeze(x, -1), [4, 6, 1]),
  },
]);

describe('shapes', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('no value moves: results share the memory of their input, f16 included', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 1, 3], 'f16');
    const { dispatches } = device.counters();
    for (const y of [reshape(x, [6]), flatten(x), squeeze(x), unsqueeze(x, 0)]) {
      expect(y.view).toBe(x.view);
      expect(y.dtype).toBe('f16');
    }
    expect(device.counters().dispatches).toBe(dispatches);
    expect(flatten(Tensor.zeros(device, [])).shape).toEqual([1]);
    expect(squeeze(Tensor.zeros(device, [])).shape).toEqual([]);
  });

  test('what does not fit is named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    expect(() => reshape(x, [4, 2])).toThrow(/reshape: \(2,3\) cannot become \(4,2\)/);
    expect(() => reshape(x, [-1, -1])).toThrow(/reshape: \(2,3\) cannot become \(-1,-1\)/);
    expect(() => reshape(x, [4, -1])).toThrow(/reshape: .*\(4,-1\)/);
    expect(() => reshape(x, [-2, -3])).toThrow(/reshape/);
    expect(() => reshape(Tensor.zeros(device, [0, 3]), [0, -1])).toThrow(/reshape/);
    expect(() => flatten(x, 1, 0)).toThrow(/flatten: axis 1 comes after axis 0 in \(2,3\)/);
    expect(() => flatten(x, 2)).toThrow(/flatten: axis 2/);
    expect(() => squeeze(x, 2)).toThrow(/squeeze: axis 2/);
    expect(() => unsqueeze(x, 4)).toThrow(/unsqueeze: axis 4 cannot be added to shape \(2,3\)/);
    expect(() => unsqueeze(x, -4)).toThrow(/unsqueeze: axis -4/);
  });
});
