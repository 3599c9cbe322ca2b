/** Tensors as containers: dtypes, shapes, in-place changes, and their memory. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { add, Parameters, square, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

describe('values', () => {
  test.each([
    { dtype: 'f32', values: Float32Array.of(1.5, -2, 3e38) },
    { dtype: 'u32', values: Uint32Array.of(0, 1, 0xffffffff) },
    { dtype: 'i32', values: Int32Array.of(-1, 0, 0x7fffffff) },
  ] as const)('$dtype comes back as it went', async ({ dtype, values }) => {
    using _ = device.scope();
    const tensor = Tensor.from(device, values);
    expect([tensor.dtype, tensor.shape]).toEqual([dtype, [3]]);
    expect(await tensor.data()).toEqual(values);
  });

  test('plain numbers become f32, and a scalar has no axes', async () => {
    using _ = device.scope();
    const tensor = Tensor.from(device, [0.1], []);
    expect([tensor.dtype, tensor.size, await tensor.item()]).toEqual(['f32', 1, Math.fround(0.1)]);
  });

  test('zeros are zero in reused memory', async () => {
    using _ = device.scope();
    device.release(Tensor.from(device, new Float32Array(1000).fill(7)).view);
    expect(await Tensor.zeros(device, [10, 100]).data()).toEqual(new Float32Array(1000));
  });

  test('set replaces values in place and says so', async () => {
    using _ = device.scope();
    const tensor = Tensor.from(device, [1, 2]);
    const before = square(tensor);
    tensor.set(Float32Array.of(3, 4));
    expect([...(await tensor.data())]).toEqual([3, 4]);
    expect([...(await before.data())]).toEqual([1, 4]);
    expect(tensor.view.buffer.version).toBe(1);
  });

  test('set takes a tensor, also one of the same arena', async () => {
    using _ = device.scope();
    const parameters = new Parameters(
      device,
      new Map([
        ['a', [3]],
        ['b', [3]],
      ]),
    );
    const [a, b] = [parameters.get('a'), parameters.get('b')];
    a.set(Tensor.from(device, [1, 2, 3]));
    b.set(a);
    a.set(Float32Array.of(4, 5, 6));
    expect([...(await b.data()), ...(await a.data())]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(() => a.set(Tensor.zeros(device, [3, 1]))).toThrow(
      /set: \(3,1\) f32 for a tensor of shape \(3\) f32/,
    );
    expect(() => a.set(Tensor.zeros(device, [3], 'u32'))).toThrow(/set: \(3\) u32/);
    expect(() => a.set(Float32Array.of(1, 2))).toThrow(/set: 2 values/);
  });

  test('large uploads keep their place among launches', async () => {
    using _ = device.scope();
    // Above 64 KiB an upload does not go through the batch's arena.
    const n = 20_000;
    const x = Tensor.from(device, new Float32Array(n).fill(1));
    const first = add(x, x);
    x.set(new Float32Array(n).fill(10));
    const second = add(x, x);
    expect(new Set(await first.data())).toEqual(new Set([2]));
    expect(new Set(await second.data())).toEqual(new Set([20]));
  });
});

test('indices have no gradients', () => {
  using _ = device.scope();
  expect(() => Tensor.zeros(device, [2], 'u32').requireGrad()).toThrow(/requireGrad: the dtype is u32/);
});

test('empty tensors work', async () => {
  using _ = device.scope();
  const empty = Tensor.from(device, [], [2, 0]);
  expect([empty.size, (await empty.data()).length]).toEqual([0, 0]);
  expect((await add(empty, Tensor.from(device, [1])).data()).length).toBe(0);
  await expect(empty.item()).rejects.toThrow(/item: shape \(2,0\) has 0 values/);
});

test('values that do not fill the shape are refused', async () => {
  using _ = device.scope();
  expect(() => Tensor.from(device, [1, 2, 3], [2, 2])).toThrow(
    /Tensor.from: 3 values do not fill shape \(2,2\)/,
  );
  expect(() => Tensor.from(device, [1, 2]).set(new Float32Array(100))).toThrow(
    /set: 100 values of a Float32Array for a tensor of shape \(2\) f32/,
  );
  await expect(Tensor.from(device, [1, 2]).item()).rejects.toThrow(/item: shape \(2\) has 2 values/);
});
