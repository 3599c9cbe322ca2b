/** The profiler sees every dispatch once, eager and replayed, and changes nothing. */
import { expect, test } from 'vitest';
import { backward, capture, linear, matmul, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../oracle/random.ts';

test('every dispatch, in order, with its kernel, bytes, operations and times', async () => {
  const device = await openDevice({ profile: true });
  const x = Tensor.from(device, normals(1, 64 * 32), [64, 32]);
  const y = matmul(x, Tensor.from(device, normals(2, 32 * 16), [32, 16]));
  await sum(y).item();
  const dispatches = await device.profile();
  expect(dispatches.length).toBe(device.counters().dispatches);
  const product = dispatches.find(({ kernel }) => kernel.startsWith('matmul'));
  expect(product).toMatchObject({ bytes: 4 * (64 * 32 + 32 * 16 + 64 * 16), flops: 2 * 64 * 32 * 16 });
  if (device.gpu.features.has('timestamp-query')) {
    const times = dispatches.flatMap(({ start, end }) => [start ?? Number.NaN, end ?? Number.NaN]);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeGreaterThan(times[0] ?? 0);
  }
  for (const { cpu } of dispatches) expect(cpu).toBeGreaterThanOrEqual(0);
  device.destroy();
});

test('replays are profiled like eager steps, more than a batch of them', async () => {
  const device = await openDevice({ profile: true });
  const weight = Tensor.from(device, normals(3, 64), [8, 8]).requireGrad();
  using step = capture(device, (x: Tensor) => backward(sum(linear(x, weight))));
  const x = Tensor.from(device, normals(4, 32), [4, 8]);
  for (let i = 0; i < 150; i++) step(x);
  await device.idle();
  const dispatches = await device.profile();
  expect(dispatches.length).toBe(device.counters().dispatches);
  expect(dispatches.length).toBeGreaterThan(512);
  const count = Math.floor(dispatches.length / 150);
  const names = dispatches.map(({ kernel }) => kernel);
  expect(names.slice(-2 * count, -count)).toEqual(names.slice(-count));
  device.destroy();
});

test('profiled results have the bits of others', async () => {
  const results = [];
  for (const profile of [false, true]) {
    const device = await openDevice({ profile });
    const x = Tensor.from(device, normals(1, 40 * 24), [40, 24]).requireGrad();
    backward(sum(matmul(x, Tensor.from(device, normals(2, 24 * 7), [24, 7]))));
    results.push([...((await x.grad?.data()) ?? [])]);
    expect((await device.profile()).length > 0).toBe(profile);
    device.destroy();
  }
  expect(results[1]).toEqual(results[0]);
});
