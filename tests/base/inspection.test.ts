/** `console.log` shows the content of objects, not their GPU resources. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { Generator, Parameters, tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

test('a tensor', () => {
  const x = tensor(device, [[1, 2]], { requiresGrad: true });
  expect(inspect(x)).toBe(`Tensor(1,2) f32 on ${device.name}, requires a gradient`);
  expect(inspect([x.detach()])).toContain(`Tensor(1,2) f32 on ${device.name}`);
  expect(JSON.parse(JSON.stringify(x))).toEqual({
    shape: [1, 2],
    dtype: 'f32',
    device: device.name,
    requiresGrad: true,
  });
});

test('a device, parameters and a generator', () => {
  expect(inspect(device)).toMatch(/^Device on .+, \d+ bytes in \d+ buffers$/);
  const parameters = new Parameters(device, new Map([['w', [2, 3]]]));
  expect(inspect(parameters)).toBe(`Parameters of 6 values on ${device.name}: w(2,3)`);
  const generator = new Generator(7);
  expect(inspect(generator)).toBe('Generator of seed 7 after 0 draws');
  expect(JSON.stringify(generator)).toBe('{"seed":7,"offset":0}');
});
