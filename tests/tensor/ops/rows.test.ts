/** Look-up and selection of rows against the reference: repeated ids, ids never used, no ids. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { embedding, mul, Tensor, takeRows } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { integers, seeded } from '../../oracle/random.ts';
import {
  type Computation,
  expectFiniteDifferences,
  expectSameAsOracle,
  random,
  summed,
} from '../againstOracle.ts';

function lookUp(shape: readonly number[], V: number, d: number, scale: number, seed: number): Computation {
  const ids = integers(seed, oracle.sizeOf(shape), V);
  return {
    inputs: [random([V, d], seed)],
    gpu: ([weight]) => {
      const { device } = weight as Tensor;
      return embedding(Tensor.from(device, Uint32Array.from(ids), shape), weight as Tensor, scale);
    },
    oracle: ([weight]) => oracle.mul(oracle.embedding(weight as oracle.Array64, { data: ids, shape }), scale),
    gradient: () => summed(ids.length / V, scale),
  };
}

/** Some of `R` rows in any order. */
const choices = fc
  .constantFrom(0, 1, 5, 33, 64)
  .chain((R) =>
    fc.tuple(
      fc.constant(R),
      fc.shuffledSubarray(Array.from({ length: R }, (_, i) => i)),
      fc.constantFrom(4, 12, 64),
    ),
  );

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test('embedding, any ids', async () => {
    const shape = fc.constantFrom([0], [1], [], [7], [3, 5], [130], [2, 0, 3]);
    const property = fc.asyncProperty(
      shape,
      fc.constantFrom(1, 5, 32, 57, 65),
      fc.constantFrom(4, 12, 64),
      fc.constantFrom(1, 8),
      fc.nat(),
      (ids, V, d, scale, seed) => expectSameAsOracle(device, lookUp(ids, V, d, scale, seed)),
    );
    await fc.assert(property, { ...seeded, numRuns: 30 });
  });

  test('an embedding gradient over several parts of the ids', async () => {
    await expectSameAsOracle(device, lookUp([1030], 3, 12, 2, 1));
  });

  test('takeRows, any rows in any order', async () => {
    const property = fc.asyncProperty(choices, fc.nat(), async ([R, rows, d], seed) => {
      await expectSameAsOracle(device, {
        inputs: [random([R, d], seed)],
        gpu: ([x]) => takeRows(mul(x as Tensor, 3), Uint32Array.from(rows)),
        oracle: ([x]) => oracle.indexSelect(oracle.mul(x as oracle.Array64, 3), 0, rows),
      });
    });
    await fc.assert(property, { ...seeded, numRuns: 20 });
  });

  test('finite differences', async () => {
    const f = ([weight]: readonly Tensor[]) => {
      const ids = Tensor.from((weight as Tensor).device, Uint32Array.of(2, 0, 2, 1));
      return takeRows(embedding(ids, weight as Tensor, 1.5), Uint32Array.of(3, 0, 2));
    };
    await expectFiniteDifferences(device, f, [random([4, 4], 2)]);
  });

  test('operands that do not fit are named', () => {
    using _ = device.scope();
    const zeros = (...shape: number[]) => Tensor.zeros(device, shape);
    const ids = Tensor.zeros(device, [3], 'u32');
    expect(() => embedding(zeros(3), zeros(4, 4))).toThrow(/embedding: ids \(3\) f32/);
    expect(() => embedding(ids, zeros(4, 6))).toThrow(/embedding: .*weight \(4,6\)/);
    expect(() => embedding(ids, zeros(4))).toThrow(/embedding: .*weight \(4\)/);
    expect(() => takeRows(zeros(3, 4), Uint32Array.of(3))).toThrow(/takeRows: row 3 /);
    expect(() => takeRows(zeros(3, 4), Uint32Array.of(1, 1))).toThrow(/takeRows: row 1 /);
    expect(() => takeRows(zeros(3, 6), Uint32Array.of(1))).toThrow(/takeRows: x \(3,6\)/);
    expect(() => takeRows(zeros(12), Uint32Array.of(1))).toThrow(/takeRows: x \(12\)/);
  });
});
