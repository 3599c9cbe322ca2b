/** Sequences packed end to end: rows, offsets, tiles and positions. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { Packing, type RowTiles, rowPositions, Tensor, tilesOf } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { describeOps } from './battery.ts';

const positionsOf = (lengths: readonly number[]): number[] =>
  lengths.flatMap((length) => Array.from({ length }, (_, position) => position));

describeOps('Packing', [
  {
    name: 'rowPositions',
    dtypes: 'u32',
    cases: fc
      .array(fc.constantFrom(0, 1, 2, 5, 31, 32, 33, 64, 65, 150), { maxLength: 9 })
      .map((lengths) => ({
        // The tensor only tells the device.
        inputs: [{ values: Uint32Array.of(0), shape: [1] }],
        gpu: ([any]) => rowPositions((any as Tensor).device, new Packing(lengths)),
        oracle: () => {
          const positions = positionsOf(lengths);
          return oracle.array(positions, [positions.length]);
        },
      })),
  },
]);

describe('packing', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('tiles of padding give no positions', async () => {
    using _ = device.scope();
    const values = [...tilesOf([3, 40], 32), 0, 0, 0, 0];
    const padded: RowTiles = {
      rows: 43,
      tiles: (on) => Tensor.from(on, Uint32Array.from(values), [values.length / 4, 4]),
    };
    expect([...(await rowPositions(device, padded).data())]).toEqual(positionsOf([3, 40]));
  });
});

test('Packing counts rows and offsets', () => {
  const packing = new Packing([3, 1, 4]);
  expect([packing.rows, packing.offsets]).toEqual([8, [0, 3, 4, 8]]);
  expect(new Packing([])).toMatchObject({ rows: 0, offsets: [0] });
});
