/** Results as large as the values say: what is selected, where it stands, and that a step cannot capture them. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { capture, maskedSelect, nonzero, Tensor } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { broadcastableShapes, integers, shapes } from '../../oracle/random.ts';
import { type Computation, random, summed } from '../againstOracle.ts';
import { describeOps } from './battery.ts';
import { anyDtype } from './operands.ts';

const flags = (shape: readonly number[], seed: number) => ({
  values: Uint32Array.from(integers(seed, oracle.sizeOf(shape), 3), (n) => Number(n > 0)),
  shape,
});

function selected(a: readonly number[], b: readonly number[], seed: number): Computation<Promise<Tensor>> {
  return {
    inputs: [random(a, seed), flags(b, seed)],
    gpu: ([x, mask]) => maskedSelect(x as Tensor, asBool(mask as Tensor)),
    oracle: ([x, mask]) => oracle.maskedSelect(x as oracle.Array64, mask as oracle.Array64),
    gradient: () => summed(oracle.sizeOf(oracle.broadcastShapes(a, b))),
  };
}

const asBool = (x: Tensor): Tensor => new Tensor(x.device, x.view, x.shape, 'bool');

describeOps('Selection by value', [
  {
    name: 'maskedSelect',
    dtypes: 'all but f16',
    gradient: 'yes',
    runs: 20,
    cases: fc
      .tuple(broadcastableShapes({ maxRank: 3, maxElements: 1500 }), fc.nat())
      .map(([{ a, b }, seed]) => selected(a, b, seed)),
  },
  {
    name: 'nonzero',
    dtypes: 'all',
    runs: 20,
    cases: shapes({ maxRank: 4, maxElements: 1500 })
      .chain(anyDtype)
      .map(
        (x): Computation<Promise<Tensor>> => ({
          inputs: [{ ...x, constant: true }],
          gpu: ([a]) => nonzero(a as Tensor),
          oracle: ([a]) => {
            const { data, shape } = a as oracle.Array64;
            const rows = coordinatesOf(data, shape);
            return oracle.array(rows.flat(), [rows.length, shape.length]);
          },
        }),
      ),
  },
]);

/** The coordinates of every value other than 0. */
const coordinatesOf = (data: ArrayLike<number>, shape: readonly number[]): number[][] =>
  Array.from(oracle.coordinates(shape), (at) => [...at]).filter((_, i) => data[i] !== 0);

describe('selection', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('NaN is not 0, −0 is; integers and booleans keep their dtype', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [0, -0, Number.NaN, 1e-40, 5], [5]);
    expect([...(await (await nonzero(x)).data())]).toEqual([2, 3, 4]);
    const mask = Tensor.from(device, [true, false, true]);
    const picked = await maskedSelect(Tensor.from(device, Int32Array.of(-1, 2, 3)), mask);
    expect([picked.dtype, [...(await picked.data())]]).toEqual(['i32', [-1, 3]]);
    const scalar = await nonzero(Tensor.from(device, [3], []));
    expect([scalar.shape, scalar.dtype]).toEqual([[1, 0], 'u32']);
  });

  test('a captured step cannot read the size', async () => {
    let found: Promise<Tensor> | undefined;
    const step = capture(device, (x: Tensor) => {
      found = nonzero(x);
      // Awaited below, when the step is recorded.
      found.catch(() => {});
      return x;
    });
    step(Tensor.from(device, [1, 0]));
    await expect(found).rejects.toMatchObject({ code: 'NOT_RECORDABLE' });
  });
});
