/** An error affects only dependent tensors: all others of the device stay readable. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { add, capture, log, mul, Parameters, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

let debugging: Device;
beforeAll(async () => {
  debugging = await openDevice({ debug: true });
});
afterAll(() => debugging.destroy());

const NOT_FINITE = { code: 'NOT_FINITE', where: 'log' };

test('in debug mode an unrelated tensor is read, before and after the error', async () => {
  const bad = mul(log(Tensor.from(debugging, [-1])), 2);
  const good = add(Tensor.from(debugging, [1]), 1);
  expect(await good.item()).toBe(2);
  await expect(bad.item()).rejects.toMatchObject(NOT_FINITE);
  expect(await good.item()).toBe(2);
  expect(await add(good, 1).item()).toBe(3);
  await expect(add(bad, good).item()).rejects.toMatchObject(NOT_FINITE);
});

test('each of two mistakes is named where it is read', async () => {
  const [first, second] = [log(Tensor.from(debugging, [-1])), log(Tensor.from(debugging, [0, -1]))];
  const errors = await Promise.allSettled([second.data(), first.data()]);
  expect(errors).toMatchObject([
    { reason: { message: expect.stringContaining('(2)') } },
    { reason: { message: expect.stringContaining('(1)') } },
  ]);
});

test('the next replay of a captured step begins anew', async () => {
  using f = capture(debugging, (x: Tensor) => log(x));
  await expect(f(Float32Array.of(-1)).item()).rejects.toMatchObject(NOT_FINITE);
  expect(await f(Float32Array.of(1)).item()).toBe(0);
});

test('values that replace wrong ones are right', async () => {
  const parameters = new Parameters(debugging, new Map([['w', [1]]]));
  const w = parameters.get('w');
  w.set(log(Tensor.from(debugging, [-1])));
  await expect(w.item()).rejects.toMatchObject(NOT_FINITE);
  parameters.set(new Float32Array(parameters.size).fill(7));
  expect(await w.item()).toBe(7);
});
