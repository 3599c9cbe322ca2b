/** Softmax and log-softmax along any axis, of short and long rows, with overflowing values and −∞. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { logSoftmax, softmax, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { shapes } from '../../oracle/random.ts';
import { expectSameAsOracle, random, summed } from '../againstOracle.ts';
import { describeOps, unaryCase } from './battery.ts';

const OPS = [
  { name: 'softmax', gpu: softmax, reference: oracle.softmax },
  { name: 'logSoftmax', gpu: logSoftmax, reference: oracle.logSoftmax },
] as const;

const along = (
  { gpu, reference }: (typeof OPS)[number],
  shape: readonly number[],
  axis: number,
  seed: number,
) => ({
  ...unaryCase(
    random(shape, seed, 0, 2),
    (x: Tensor) => gpu(x, axis),
    (x) => reference(x, axis),
  ),
  gradient: () => summed(shape.at(axis) ?? 1),
});

describeOps(
  'Softmax',
  OPS.map((op) => ({
    name: op.name,
    dtypes: 'f32',
    cases: shapes({ minRank: 1 }).chain((shape) =>
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

  describe.each(OPS)('$name', (op) => {
    test.each([
      [[3, 1023], 1],
      [[3, 1024], 1],
      [[1025, 3], 0],
      [[2, 1500, 5], 1],
      [[65, 1500], 1],
      [[70_001], 0],
    ] as const)('rows long enough for a workgroup: %j along axis %i', async (shape, axis) => {
      const scaled = { ...along(op, shape, axis, 2), forward: summed(16) };
      await expectSameAsOracle(device, scaled);
    });
  });

  test.each([3, 1500])('rows of %i: overflow, −∞, and what PyTorch calls NaN', async (length) => {
    using _ = device.scope();
    const { NaN: nan, NEGATIVE_INFINITY: low, POSITIVE_INFINITY: high } = Number;
    const rows = [
      [1000, 1000],
      [-1000, low],
      [nan, 0],
      [high, 0],
      [low, low],
    ].map(([first = 0, second = 0]) => [first, second, ...new Array<number>(length - 2).fill(low)]);
    const x = Tensor.from(device, rows.flat(), [rows.length, length]);
    const first = async (y: Tensor) => {
      const data = await y.data();
      return rows.map((_row, i) => [...data.slice(i * length, i * length + 3)]);
    };
    const bad = [nan, nan, nan];
    expect(await first(softmax(x))).toEqual([[0.5, 0.5, 0], [1, 0, 0], bad, bad, bad]);
    const [half, one, ...rest] = await first(logSoftmax(x));
    expectClose(half ?? [], [-Math.LN2, -Math.LN2, low]);
    expect([one, ...rest]).toEqual([[0, low, low], bad, bad, bad]);
  });

  test('a scalar is a row of one', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [3], []);
    expect([await softmax(x).item(), await logSoftmax(x).item()]).toEqual([1, 0]);
    expect(softmax(x).shape).toEqual([]);
  });

  test('what is refused', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    expect(() => softmax(x, 2)).toThrow(/softmax: axis 2 does not exist in shape \(2,3\)/);
    expect(() => logSoftmax(Tensor.zeros(device, [2], 'i32'))).toThrow(/logSoftmax: x \(2\) has dtype i32/);
    expect(() => softmax(x, -3)).toThrow(/axis -3/);
  });
});
