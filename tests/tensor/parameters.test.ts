/** Parameters: tensors of any size in one arena, each with its gradient. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  AdamW,
  add,
  backward,
  mul,
  ones,
  Parameters,
  type Shape,
  square,
  sum,
} from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

test('of any size, none and one included, in any order', async () => {
  const sizes = [64, 0, 1, 3, 0, 65, 128, 0];
  const shapes = sizes.map((size, i): [string, Shape] => [`p${i}`, [size]]);
  const parameters = new Parameters(device, new Map([...shapes, ['scalar', []]]));
  expect(parameters.count()).toBe(sizes.reduce((total, size) => total + size, 1));
  const tensors = [...parameters.entries()].map(([, tensor]) => tensor);
  for (const [i, tensor] of tensors.entries()) tensor.set(normals(i, tensor.size));
  backward(tensors.map((tensor) => sum(square(tensor))).reduce(add));
  for (const [i, tensor] of tensors.entries()) {
    expect(await tensor.data()).toEqual(normals(i, tensor.size));
    expect(await tensor.grad?.data()).toEqual(normals(i, tensor.size).map((value) => 2 * value));
    expect((await sum(mul(tensor, tensor)).data()).length).toBe(1);
  }
  const optimizer = new AdamW(parameters);
  optimizer.step(0.1);
  for (const [i, tensor] of tensors.entries()) {
    const moved = (await tensor.data()).map((value, j) =>
      Math.abs(value - (normals(i, tensor.size)[j] ?? 0)),
    );
    expect(moved.every((distance) => Math.abs(distance - 0.1) < 1e-4)).toBe(true);
  }
});

test('what lies behind a short gradient does not count in its norm', async () => {
  // Fresh memory is full of NaN, and bindings are longer than three values.
  const poisoned = await openDevice({ debug: true });
  const shapes: [string, Shape][] = [1, 2, 3].map((size) => [`p${size}`, [size]]);
  const parameters = new Parameters(poisoned, new Map(shapes));
  for (const [, tensor] of parameters.entries()) tensor.set(ones(poisoned, tensor.shape));
  backward([...parameters.entries()].map(([, tensor]) => sum(square(tensor))).reduce(add));
  const optimizer = new AdamW(parameters);
  optimizer.step(0.1);
  expect(await optimizer.report()).toMatchObject({ gradNorm: Math.fround(Math.sqrt(24)), skipped: 0 });
  const arena = new Float32Array(await poisoned.read(parameters.values));
  expect(arena.every(Number.isFinite)).toBe(true);
  poisoned.destroy();
});

test('none at all', () => {
  expect(new Parameters(device, new Map()).count()).toBe(0);
});
