/** Look-up and selection of rows against the reference: repeated ids, ids never used, no ids, rows of any width. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { embedding, mul, Tensor, takeRows } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { integers } from '../../oracle/random.ts';
import { type Computation, expectSameAsOracle, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface LookUp {
  readonly ids: readonly number[];
  readonly V: number;
  readonly d: number;
  readonly scale: number;
  readonly seed: number;
}

function lookUp({ ids: shape, V, d, scale, seed }: LookUp): Computation {
  const ids = integers(seed, oracle.sizeOf(shape), V);
  const data = seed % 2 === 0 ? Uint32Array.from(ids) : Int32Array.from(ids);
  return {
    inputs: [random([V, d], seed)],
    gpu: ([weight]) => {
      const { device } = weight as Tensor;
      return embedding(Tensor.from(device, data, shape), weight as Tensor, scale);
    },
    oracle: ([weight]) => oracle.mul(oracle.embedding(weight as oracle.Array64, { data: ids, shape }), scale),
    gradient: () => summed(ids.length / V, scale),
  };
}

const taken = (R: number, rows: readonly number[], d: number, seed: number): Computation => ({
  inputs: [random([R, d], seed)],
  gpu: ([x]) => takeRows(mul(x as Tensor, 3), Uint32Array.from(rows)),
  oracle: ([x]) => oracle.indexSelect(oracle.mul(x as oracle.Array64, 3), 0, rows),
});

describeOps('Rows', [
  {
    name: 'embedding',
    dtypes: 'f32',
    runs: 30,
    cases: fc
      .record({
        ids: fc.constantFrom([0], [1], [], [7], [3, 5], [130], [2, 0, 3]),
        V: fc.constantFrom(1, 5, 32, 57, 65),
        d: fc.constantFrom(0, 1, 4, 7, 12, 33, 36, 64),
        scale: fc.constantFrom(1, 8),
        seed: fc.nat(),
      })
      .map(lookUp),
    small: lookUp({ ids: [4], V: 4, d: 3, scale: 1.5, seed: 1 }),
  },
  {
    name: 'takeRows',
    dtypes: 'f32',
    runs: 20,
    cases: fc
      .constantFrom(0, 1, 5, 33, 64)
      .chain((R) =>
        fc
          .tuple(
            fc.shuffledSubarray(Array.from({ length: R }, (_, i) => i)),
            fc.constantFrom(1, 4, 7, 12, 64),
            fc.nat(),
          )
          .map(([rows, d, seed]) => taken(R, rows, d, seed)),
      ),
    small: taken(4, [3, 0, 2], 4, 2),
  },
]);

describe('rows', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each([12, 13])('an embedding gradient over 1030 ids, width %d', async (d) => {
    await expectSameAsOracle(device, lookUp({ ids: [1030], V: 3, d, scale: 2, seed: 1 }));
  });

  test('operands that do not fit are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    const ids = Tensor.zeros(device, [3], 'u32');
    expect(() => embedding(zeros(3), zeros(4, 4))).toThrow(/embedding: ids \(3\) has dtype f32/);
    expect(() => embedding(ids, Tensor.zeros(device, [4, 6], 'i32'))).toThrow(
      /embedding: weight \(4,6\) has dtype i32/,
    );
    expect(() => embedding(ids, zeros(4))).toThrow(/embedding: .*weight \(4\)/);
    expect(() => takeRows(zeros(3, 4), Uint32Array.of(3))).toThrow(/takeRows: row 3 /);
    expect(() => takeRows(zeros(3, 4), Uint32Array.of(1, 1))).toThrow(/takeRows: row 1 /);
    expect(() => takeRows(Tensor.zeros(device, [3, 6], 'u32'), Uint32Array.of(1))).toThrow(
      /takeRows: x \(3,6\) has dtype u32/,
    );
    expect(() => takeRows(zeros(12), Uint32Array.of(1))).toThrow(/takeRows: x \(12\)/);
  });
});
