/** Sorting: stable, NaN above all, rows of any length along any axis. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Scalar } from '../../../src/gpu/kernel.ts';
import {
  argsort,
  capture,
  cat,
  gather,
  grad,
  mul,
  pad,
  reshape,
  scatterAdd,
  slice,
  sort,
  split,
  sum,
  Tensor,
  topk,
  tril,
} from '../../../src/tensor/index.ts';
import { largeTest, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { integers, normals, shapes, uniforms } from '../../oracle/random.ts';
import { type Computation, expectSameAsOracle, type Operand } from '../againstOracle.ts';
import { describeOps } from './battery.ts';
import { anyDtype, distinct } from './operands.ts';

/** Return the first `count` values in order along the axis, and their positions. */
function ordered(x: oracle.Array64, axis: number, descending: boolean, count: number): oracle.Array64[] {
  const { data, shape } = oracle.argsort(x, axis, descending);
  const positions = oracle.slice(oracle.array(data, shape), axis, 0, count);
  return [oracle.gather(x, axis, positions), positions];
}

const sortedCase = (x: Operand, axis: number, descending: boolean): Computation => ({
  inputs: [x],
  gpu: ([a]) => {
    const { values, indices } = sort(a as Tensor, { axis, descending });
    return [values, indices];
  },
  oracle: ([a]) => ordered(a as oracle.Array64, axis, descending, x.shape.at(axis) as number),
  forward: { equalNaN: true },
});

const argsorted = (x: Operand, axis: number, descending: boolean): Computation => ({
  inputs: [{ ...x, constant: true }],
  gpu: ([a]) => argsort(a as Tensor, { axis, descending }),
  oracle: ([a]) =>
    ordered(a as oracle.Array64, axis, descending, x.shape.at(axis) as number)[1] as oracle.Array64,
});

const topped = (x: Operand, k: number, axis: number, largest: boolean): Computation => ({
  inputs: [x],
  gpu: ([a]) => {
    const { values, indices } = topk(a as Tensor, k, { axis, largest });
    return [values, indices];
  },
  oracle: ([a]) => ordered(a as oracle.Array64, axis, largest, k),
});

/** Values of any kind, floats rounded so that many are equal. */
const operand = (shape: readonly number[]): fc.Arbitrary<Operand> =>
  anyDtype(shape).map((x) =>
    x.values instanceof Float32Array ? { ...x, values: x.values.map((n) => Math.round(n * 8) / 8) } : x,
  );

const withAxis = shapes({ minRank: 1, maxRank: 4 }).chain((shape) =>
  fc.tuple(operand(shape), fc.integer({ min: -shape.length, max: shape.length - 1 }), fc.boolean()),
);

describeOps('Sorting', [
  {
    name: 'sort',
    dtypes: 'all but f16',
    gradient: 'of the values',
    runs: 25,
    cases: withAxis.map(([x, axis, descending]) => sortedCase(x, axis, descending)),
    small: sortedCase(distinct([2, 5, 2], 1), 1, true),
  },
  {
    name: 'argsort',
    dtypes: 'all but f16',
    cases: withAxis.map(([x, axis, descending]) => argsorted(x, axis, descending)),
  },
  {
    name: 'topk',
    dtypes: 'all but f16',
    gradient: 'of the values',
    runs: 25,
    cases: withAxis.chain(([x, axis, largest]) =>
      fc.nat(x.shape.at(axis)).map((k) => topped(x, k, axis, largest)),
    ),
    small: topped(distinct([3, 5], 1), 2, -1, true),
  },
]);

describe('sorting', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());
  const list = async (x: Tensor) => Array.from(await x.data());

  test('NaN of either sign is largest, and −0 equals 0', async () => {
    using _ = device.scope();
    const bits = Uint32Array.of(0xffc00000, 0x3f800000, 0x7fc00000, 0, 0x7f800000, 0x80000000, 0xff800000, 1);
    const x = Tensor.from(device, new Float32Array(bits.buffer));
    expect(await list(argsort(x))).toEqual([6, 3, 5, 7, 1, 4, 0, 2]);
    expect(await list(argsort(x, { descending: true }))).toEqual([0, 2, 4, 1, 7, 3, 5, 6]);
    expect(await list(topk(x, 3).values)).toEqual([NaN, NaN, Infinity]);
    expect(await list(topk(x, 2, { largest: false }).indices)).toEqual([6, 3]);
  });

  test('integers of the whole range', async () => {
    using _ = device.scope();
    const signed = Tensor.from(device, Int32Array.of(0, -1, 2147483647, -2147483648, 1));
    expect(await list(sort(signed).values)).toEqual([-2147483648, -1, 0, 1, 2147483647]);
    const unsigned = Tensor.from(device, Uint32Array.of(0, 0xffffffff, 2147483648, 1));
    expect(await list(sort(unsigned, { descending: true }).values)).toEqual([0xffffffff, 2147483648, 1, 0]);
  });

  const sortsRow = async (length: number): Promise<void> => {
    const values = Float32Array.from(uniforms(length, length, -100, 100), (x) => Math.round(x * 50) / 50);
    await expectSameAsOracle(device, sortedCase({ values, shape: [length] }, 0, true));
  };
  test.each([129, 4099])('one row of %d, with many equal values', sortsRow);
  largeTest.each([65_536, 65_537, 100_000])('one row of %d, with many equal values', sortsRow);

  test('a scalar, and rows of no values', async () => {
    using _ = device.scope();
    const { values, indices } = sort(Tensor.from(device, [3], []));
    expect([values.shape, await values.item(), await indices.item()]).toEqual([[], 3, 0]);
    expect(sort(Tensor.zeros(device, [2, 0])).indices.shape).toEqual([2, 0]);
    expect(topk(Tensor.zeros(device, [2, 3]), 0).values.shape).toEqual([2, 0]);
  });

  largeTest('65,536 short rows', async () => {
    using _ = device.scope();
    const rows = 65_536;
    const x = Tensor.from(device, Uint32Array.from(integers(1, rows * 7, 10)), [rows, 7]);
    const values = await sort(x).values.data();
    expect(values.every((value, i) => i % 7 === 0 || value >= (values[i - 1] as number))).toBe(true);
  });

  test('a captured step replays sorting, joining and indexing on other values, forward and backward', async () => {
    const objective = (x: Tensor, index: Tensor, fill: Scalar): Tensor => {
      const every = cat(
        [
          slice(x, [null, [null, null, -2]]),
          pad(
            x,
            [
              [0, 0],
              [1, 1],
            ],
            fill,
          ),
        ],
        1,
      );
      const { values } = sort(tril(reshape(every, [-1, 4])), { axis: 0 });
      const [first, second] = split(gather(x, 1, index), 2) as [Tensor, Tensor];
      const zeros = Tensor.zeros(device, [2, 1], 'u32');
      const added = scatterAdd(values, 1, zeros, mul(first, second));
      return sum(mul(added, mul(added, sum(topk(x, 3).values))));
    };
    const gradients = (x: Tensor, index: Tensor, fill: Scalar) =>
      grad((y: Tensor) => objective(y, index, fill))(x);
    using step = capture(device, gradients);
    for (let i = 0; i < 3; i++) {
      const x = Tensor.from(device, normals(i, 40), [4, 10]);
      const index = Tensor.from(device, Uint32Array.from(integers(i, 4, 10)), [4, 1]);
      const [eager] = gradients(x, index, i + 0.5) as [Tensor];
      const [replayed] = step(x, index, i + 0.5) as readonly [Tensor];
      expect(await list(replayed)).toEqual(await list(eager));
    }
    expect(step.captures).toBe(1);
  });

  test('what does not fit is named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    expect(() => sort(x, { axis: 2 })).toThrow(/sort: axis 2 .*\(2,3\)/);
    expect(() => sort(Tensor.zeros(device, [2], 'f16'))).toThrow(/sort: .*\(2\) has dtype f16/);
    expect(() => topk(x, 4)).toThrow(/topk: 4 values along axis -1 of \(2,3\)/);
    expect(() => topk(x, 2.5)).toThrow(/topk: 2.5 values/);
  });
});
