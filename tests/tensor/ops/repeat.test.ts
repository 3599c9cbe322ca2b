/** Repetition of tensors and of their slices, any number of times, 0 included. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { repeat, repeatInterleave, Tensor, tile } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { integers, shapes } from '../../oracle/random.ts';
import { type Computation, type Operand, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';
import { anyDtype } from './operands.ts';

const tiled = (gpu: typeof tile, x: Operand, counts: readonly number[]): Computation => ({
  inputs: [x],
  gpu: ([a]) => gpu(a as Tensor, counts),
  oracle: ([a]) => oracle.tile(a as oracle.Array64, counts),
  gradient: () => summed(oracle.sizeOf(counts)),
});

const interleaved = (x: Operand, repeats: number | readonly number[], axis: number): Computation => ({
  inputs: [x],
  gpu: ([a]) => repeatInterleave(a as Tensor, repeats, { axis }),
  oracle: ([a]) => {
    const counts =
      typeof repeats === 'number' ? new Array<number>(x.shape.at(axis) as number).fill(repeats) : repeats;
    return oracle.repeatInterleave(a as oracle.Array64, counts, axis);
  },
  gradient: () => summed(4),
});

/** An operand of any dtype, and more or fewer counts than it has axes. */
const counted = (least: (rank: number) => number) =>
  shapes({ maxRank: 3, maxElements: 300 }).chain((shape) =>
    fc.tuple(anyDtype(shape), fc.array(fc.nat(3), { minLength: least(shape.length), maxLength: 5 })),
  );

describeOps('Repetition', [
  {
    name: 'repeat',
    dtypes: 'all but f16',
    cases: counted((rank) => rank).map(([x, counts]) => tiled(repeat, x, counts)),
    small: tiled(repeat, random([2, 3], 1), [2, 1, 3]),
  },
  {
    name: 'tile',
    dtypes: 'all but f16',
    cases: counted(() => 0).map(([x, counts]) => tiled(tile, x, counts)),
    small: tiled(tile, random([2, 3], 1), [2]),
  },
  {
    name: 'repeatInterleave',
    dtypes: 'all but f16',
    runs: 20,
    cases: shapes({ minRank: 1, maxRank: 4, maxElements: 300, allowEmpty: false }).chain((shape) =>
      fc
        .tuple(
          anyDtype(shape),
          fc.integer({ min: -shape.length, max: shape.length - 1 }),
          fc.nat(4),
          fc.nat(),
        )
        .map(([x, axis, count, seed]) =>
          interleaved(x, count < 4 ? count : integers(seed, shape.at(axis) as number, 4), axis),
        ),
    ),
    small: interleaved(random([2, 3], 1), [2, 0, 1], 1),
  },
]);

describe('repetition', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('as PyTorch has it', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2, 3, 4], [2, 2]);
    const listed = async (y: Tensor) => [y.shape, [...(await y.data())]];
    expect(await listed(repeatInterleave(x, 2))).toEqual([[8], [1, 1, 2, 2, 3, 3, 4, 4]]);
    expect(await listed(repeatInterleave(x, [1, 2], { axis: 0 }))).toEqual([
      [3, 2],
      [1, 2, 3, 4, 3, 4],
    ]);
    expect(await listed(tile(x, [2]))).toEqual([
      [2, 4],
      [1, 2, 1, 2, 3, 4, 3, 4],
    ]);
    const scalar = Tensor.from(device, [7], []);
    expect(await listed(repeat(scalar, []))).toEqual([[], [7]]);
    expect(await listed(repeat(scalar, [2]))).toEqual([[2], [7, 7]]);
    expect(await listed(repeatInterleave(scalar, 2, { axis: -1 }))).toEqual([[2], [7, 7]]);
  });

  test('what does not fit is named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    expect(() => repeat(x, [2])).toThrow(/repeat: 1 counts for shape \(2,3\)/);
    expect(() => tile(x, [-1])).toThrow(/tile: counts is \[-1\]/);
    expect(() => tile(x, [1, 1, 1, 1, 1, 1, 1])).toThrow(/tile: rank 7 exceeds 6/);
    expect(() => repeatInterleave(x, [1], { axis: 1 })).toThrow(/repeatInterleave: 1 counts for 3 slices/);
    expect(() => repeatInterleave(x, 1.5, { axis: 1 })).toThrow(/repeatInterleave: repeats is 1.5/);
    expect(() => repeatInterleave(x, 2, { axis: 2 })).toThrow(/repeatInterleave: axis 2/);
  });
});
