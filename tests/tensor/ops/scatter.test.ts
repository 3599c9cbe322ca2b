/** Writing at indices: repeats, indices out of range, every reduction, ties and zeros. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { backward, scatter, scatterReduce, sum, Tensor } from '../../../src/tensor/index.ts';
import { largeTest, openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { dimension, shapes } from '../../oracle/random.ts';
import { type Computation, expectSameAsOracle, type Operand, random } from '../againstOracle.ts';
import { describeOps } from './battery.ts';
import { distinct, indices } from './operands.ts';

const positionsOf = (index: Operand): oracle.Indices => ({
  data: Array.from(index.values, Number),
  shape: index.shape,
});

interface Drawn {
  readonly x: Operand;
  readonly axis: number;
  readonly index: Operand;
  readonly source: Operand;
}

/** A shape, an axis, an index and a source that are no larger in all other axes, and few distinct values. */
const drawn = shapes({ minRank: 1, maxRank: 3, maxElements: 600 }).chain((shape) =>
  fc
    .tuple(
      fc.integer({ min: -shape.length, max: shape.length - 1 }),
      dimension().map((count) => Math.min(count, 40)),
      fc.tuple(...shape.map((n) => fc.oneof({ weight: 3, arbitrary: fc.constant(n) }, fc.nat(n)))),
      fc.nat(),
      fc.nat(2),
    )
    .chain(([axis, count, smaller, seed, more]) => {
      // Nothing exists along an empty axis.
      const indexShape = smaller.with(axis, shape.at(axis) === 0 ? 0 : count);
      return indices(indexShape, shape.at(axis) as number).map(
        (index): Drawn => ({
          ...{ x: random(shape, seed), axis, index },
          source: random(
            indexShape.map((n) => n + more),
            seed + 1,
          ),
        }),
      );
    }),
);

const scattered = ({ x, axis, index, source }: Drawn): Computation => ({
  inputs: [x, index, source],
  gpu: ([a, i, s]) => scatter(a as Tensor, axis, i as Tensor, s as Tensor),
  oracle: ([a, , s]) => oracle.scatter(a as oracle.Array64, axis, positionsOf(index), s as oracle.Array64),
});

const reduced = (
  { x, axis, index, source }: Drawn,
  reduce: oracle.Reduce,
  includeSelf: boolean,
): Computation => ({
  inputs: [x, index, source],
  gpu: ([a, i, s]) => scatterReduce(a as Tensor, axis, i as Tensor, s as Tensor, reduce, { includeSelf }),
  oracle: ([a, , s]) =>
    oracle.scatterReduce(
      a as oracle.Array64,
      axis,
      positionsOf(index),
      s as oracle.Array64,
      reduce,
      includeSelf,
    ),
  forward: { rtol: 1e-5, atol: 1e-4 },
  gradient: () => ({ rtol: 1e-4, atol: 1e-3 }),
});

const SMALL: Drawn = {
  ...{ x: distinct([3, 4], 1), axis: 1, source: distinct([2, 3], 2) },
  index: { values: Int32Array.of(1, 1, 0, 2), shape: [2, 2] },
};
const REDUCTIONS: readonly oracle.Reduce[] = ['sum', 'prod', 'mean', 'amax', 'amin'];

describeOps('Scattering', [
  {
    name: 'scatter',
    dtypes: 'all but f16',
    runs: 25,
    cases: drawn.map(scattered),
    small: scattered(SMALL),
  },
  {
    name: 'scatterReduce',
    dtypes: 'f32, i32, u32',
    runs: 40,
    cases: fc
      .tuple(drawn, fc.constantFrom(...REDUCTIONS), fc.boolean())
      .map(([each, reduce, includeSelf]) => reduced(each, reduce, includeSelf)),
    small: reduced(SMALL, 'mean', true),
  },
]);

describe('scattering', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const listed = async (x: Tensor | undefined): Promise<number[]> => [...((await x?.data()) ?? [])];
  const at = (...positions: number[]): Tensor => Tensor.from(device, Int32Array.from(positions));

  test.each(REDUCTIONS)('%s with zeros and ties, with and without what was there', async (reduce) => {
    const values = Float32Array.of(0, 2, 2, 0, -1, 2, 0, 0, 3);
    for (const includeSelf of [true, false]) {
      await expectSameAsOracle(
        device,
        reduced(
          {
            ...{ x: { values: Float32Array.of(2, 0, 3, 0), shape: [4] }, axis: 0 },
            index: { values: Uint32Array.of(0, 0, 0, 1, 1, 2, 2, 2, 0), shape: [9] },
            source: { values, shape: [9] },
          },
          reduce,
          includeSelf,
        ),
      );
    }
  });

  test('the last of several values counts, in every dtype, and a number may stand for the source', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, Int32Array.of(1, 2, 3));
    expect(await listed(scatter(x, 0, at(2, 2, 0), Tensor.from(device, Int32Array.of(7, 8, 9))))).toEqual([
      9, 2, 8,
    ]);
    expect(await listed(scatter(x, 0, at(1), 4))).toEqual([1, 4, 3]);
    const flags = Tensor.from(device, [true, false, false]);
    const set = scatter(flags, 0, at(1), Tensor.from(device, [true]));
    expect([set.dtype, await listed(set)]).toEqual(['bool', [1, 1, 0]]);
    const values = Tensor.from(device, [1, 2, 3]).requireGrad();
    const source = Tensor.from(device, [4, 5]).requireGrad();
    backward(sum(scatter(values, 0, at(1, 1), source)));
    expect([await listed(values.grad), await listed(source.grad)]).toEqual([
      [1, 0, 1],
      [0, 1],
    ]);
  });

  test('integers: extremes of every size, means rounded down, products that wrap', async () => {
    using _ = device.scope();
    const [low, high] = [-(2 ** 31), 2 ** 31 - 1];
    const x = Tensor.from(device, Int32Array.of(0, 0, 5));
    const source = Tensor.from(device, Int32Array.of(low, high, -7, 2));
    const index = at(0, 0, 1, 1);
    const run = async (reduce: oracle.Reduce, includeSelf: boolean) =>
      listed(scatterReduce(x, 0, index, source, reduce, { includeSelf }));
    expect(await run('amax', false)).toEqual([high, 2, 5]);
    expect(await run('amin', false)).toEqual([low, -7, 5]);
    expect(await run('mean', false)).toEqual([-1, -3, 5]);
    expect(await run('prod', false)).toEqual([Math.imul(low, high), -14, 5]);
    const words = Tensor.from(device, Uint32Array.of(2 ** 32 - 1, 3));
    const zero = Tensor.zeros(device, [1], 'u32');
    expect(await listed(scatterReduce(zero, 0, at(0, 0), words, 'amax'))).toEqual([2 ** 32 - 1]);
  });

  test('NaN is an extreme, infinities are values', async () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [3]);
    const source = Tensor.from(device, [1, nan, 2, inf, -inf, -inf]);
    const index = at(0, 0, 0, 1, 1, 2);
    expect(await listed(scatterReduce(x, 0, index, source, 'amax', { includeSelf: false }))).toEqual([
      nan,
      inf,
      -inf,
    ]);
    expect(await listed(scatterReduce(x, 0, index, source, 'amin'))).toEqual([nan, -inf, -inf]);
  });

  largeTest('10,000 values for one place', async () => {
    using _ = device.scope();
    const source = Tensor.from(
      device,
      Float32Array.from({ length: 10_000 }, (_, i) => 1 + (i % 2)),
    );
    const index = Tensor.zeros(device, [10_000], 'u32');
    expect(await listed(scatterReduce(Tensor.zeros(device, [1]), 0, index, source, 'sum'))).toEqual([15_000]);
    expect(await listed(scatterReduce(Tensor.zeros(device, [1]), 0, index, source, 'amax'))).toEqual([2]);
  });

  test('a scalar has one place', async () => {
    using _ = device.scope();
    const [x, index] = [Tensor.from(device, [3], []), Tensor.zeros(device, [], 'u32')];
    expect(await scatter(x, 0, index, 4).item()).toBe(4);
    expect(await scatterReduce(x, -1, index, x, 'sum').item()).toBe(6);
  });

  test('what does not fit is named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [2, 3]);
    const index = Tensor.zeros(device, [2, 4], 'u32');
    expect(() => scatter(x, 0, index, x)).toThrow(/scatter: the index \(2,4\) does not fit \(2,3\)/);
    expect(() =>
      scatter(x, 1, Tensor.zeros(device, [2, 3], 'u32'), Tensor.zeros(device, [2, 3], 'i32')),
    ).toThrow(/scatter: x \(2,3\) f32, source \(2,3\) i32/);
    const wrong = 'max' as 'amax';
    expect(() => scatterReduce(x, 1, index, x, wrong)).toThrow(/scatterReduce: the reduction is "?max/);
  });
});
