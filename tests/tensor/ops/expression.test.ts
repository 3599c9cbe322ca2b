/** Common behaviour of elementwise ops: index arithmetic, dtypes, numbers as operands, and refusals. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import * as ops from '../../../src/tensor/index.ts';
import { Tensor } from '../../../src/tensor/index.ts';
import { openDevice, randomCases } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { dimension, seeded } from '../../oracle/random.ts';
import { expectSameAsOracle, random, summed } from '../againstOracle.ts';
import { binaryOf, positive, same } from './elementwiseCases.ts';

describe('expressions', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const values = async (x: Tensor): Promise<number[]> => [...(await x.data())];

  test('rank 6 with every other axis broadcast', async () => {
    const [a, b] = [random([2, 1, 3, 1, 2, 5], 5), random([4, 1, 3, 1, 5], 6)];
    await expectSameAsOracle(device, {
      inputs: [a, b],
      gpu: ([x, y]) => ops.mul(x as Tensor, y as Tensor),
      oracle: ([x, y]) => oracle.mul(x as oracle.Array64, y as oracle.Array64),
      gradient: () => summed(24),
    });
  });

  test('four operands of a kernel that walk axes differently', async () => {
    // pow reads dy, a, b and y for the gradient by b.
    for (const [a, b] of [
      [[3, 8], [8]],
      [
        [3, 8],
        [3, 1],
      ],
      [
        [2, 1, 8],
        [5, 1],
      ],
      [[1], [7, 4]],
      [[], [5]],
    ] as const) {
      const out = oracle.broadcastShapes(a, b);
      const op = { gpu: ops.pow, reference: oracle.pow, domains: [positive, same], magnitude: 20 } as const;
      await expectSameAsOracle(device, binaryOf(op, 'f32', { a, b, out }, 9));
    }
  });

  test('a long axis that is no multiple of 4', async () => {
    for (const size of [4095, 4096, 4097, 4098, 5003]) {
      for (const b of [[size], [1]]) {
        const op = { gpu: ops.mul, reference: oracle.mul } as const;
        await expectSameAsOracle(device, binaryOf(op, 'f32', { a: [size], b, out: [size] }, size));
      }
    }
  });

  test('more than 65,535 workgroups', async () => {
    using _ = device.scope();
    // 2049² values, 64 a workgroup: 65,601 workgroups, which must be folded into two dimensions.
    const n = 2049;
    const indices = Array.from({ length: n }, (_, i) => i);
    const column = Tensor.from(
      device,
      indices.map((i) => i * 4096),
      [n, 1],
    );
    const sums = await ops.add(column, Tensor.from(device, indices, [1, n])).data();
    const wrong = sums.findIndex((value, i) => value !== Math.floor(i / n) * 4096 + (i % n));
    expect(wrong).toBe(-1);
  });

  test('any size of one axis, at the border of a vector and of a workgroup', async () => {
    const property = fc.asyncProperty(dimension(), async (n) => {
      using _ = device.scope();
      const x = random([n], n);
      const y = await ops.mul(Tensor.from(device, x.values, x.shape), 2).data();
      expect([...y]).toEqual([...x.values].map((value) => 2 * value));
    });
    await fc.assert(property, { ...seeded, numRuns: randomCases(40) });
  });

  test('integers wrap, and keep all of their digits', async () => {
    using _ = device.scope();
    const u32 = Tensor.from(device, Uint32Array.of(4_000_000_001, 3, 0));
    const i32 = Tensor.from(device, Int32Array.of(2_000_000_001, -7, 0));
    expect(await values(ops.mul(u32, 2))).toEqual([3_705_032_706, 6, 0]);
    expect(await values(ops.sub(3, u32))).toEqual([294_967_298, 0, 3]);
    expect(await values(ops.neg(u32))).toEqual([294_967_295, 4_294_967_293, 0]);
    expect(await values(ops.abs(u32))).toEqual([4_000_000_001, 3, 0]);
    expect(await values(ops.maximum(u32, 4_000_000_002))).toEqual(new Array(3).fill(4_000_000_002));
    expect(await values(ops.add(i32, 16_777_217))).toEqual([2_016_777_218, 16_777_210, 16_777_217]);
    expect(await values(ops.clamp(i32, -5, 16_777_217))).toEqual([16_777_217, -5, 0]);
    expect(ops.mul(i32, i32).dtype).toBe('i32');
  });

  test('a number that is a function is asked at the launch', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]);
    expect(await values(ops.sub(() => 5, x))).toEqual([4, 3]);
    expect(() => ops.add(Tensor.zeros(device, [2], 'i32'), () => 0.5)).toThrow(
      'add: 0.5 is not a value of i32',
    );
  });

  test('what cannot be combined is named', () => {
    using _ = device.scope();
    const a = Tensor.zeros(device, [2, 3]);
    const i32 = Tensor.zeros(device, [2, 3], 'i32');
    expect(() => ops.add(a, Tensor.zeros(device, [2, 4]))).toThrow(/add: shapes \(2,3\) and \(2,4\)/);
    expect(() => ops.div(a, Tensor.zeros(device, [2]))).toThrow(/div: shapes \(2,3\) and \(2\)/);
    expect(() => ops.mul(a, i32)).toThrow('mul: the operands have dtypes f32 and i32');
    expect(() => ops.exp(i32)).toThrow('exp: x (2,3) has dtype i32, not f32');
    expect(() => ops.add(Tensor.zeros(device, [2], 'f16'), 1)).toThrow('add: a (2) has dtype f16');
    expect(() => ops.mul(i32, 1.5)).toThrow('mul: 1.5 is not a value of i32');
    expect(() => ops.mul(Tensor.zeros(device, [1], 'u32'), -1)).toThrow('mul: -1 is not a value of u32');
    expect(() => ops.add(1, 2)).toThrow('add: no operand is a tensor');
    expect(() => ops.clamp(a)).toThrow('clamp: neither limit is given');
    const deep = Tensor.zeros(device, [1, 1, 1, 1, 1, 1, 2]);
    expect(() => ops.sub(deep, Tensor.from(device, [1]))).toThrow(/sub: rank 7/);
    expect(() => ops.neg(deep)).not.toThrow();
  });
});
