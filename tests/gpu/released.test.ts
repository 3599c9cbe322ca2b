/** Every way of touching a released buffer is an error, not somebody else's data. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { backward, mul, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

describe('a released buffer', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const released = () => {
    const view = device.allocate(16);
    device.release(view);
    return view;
  };

  it.each([
    ['upload', () => device.upload(released(), new Float32Array(4))],
    ['clear', () => device.clear(released())],
    ['copy', () => device.copy(released(), device.allocate(16))],
    ['read', () => device.read(released())],
  ] as const)('cannot be used by %s', async (where, use) => {
    await expect(async () => use()).rejects.toMatchObject({ code: 'USE_AFTER_FREE', where });
  });

  it('cannot be read through a tensor that outlived its scope', async () => {
    let tensor: Tensor;
    {
      using _ = device.scope();
      tensor = Tensor.from(device, [1, 2]);
    }
    await expect(tensor.data()).rejects.toMatchObject({ code: 'USE_AFTER_FREE' });
  });
});

describe('backward', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  it('refuses an output that depends on nothing to differentiate', () => {
    const x = Tensor.from(device, [1, 2]);
    expect(() => backward(sum(mul(x, x)))).toThrow(/requires a gradient/);
  });

  it('refuses a gradient of another shape', () => {
    const x = Tensor.from(device, [1, 2]).requireGrad();
    expect(() => backward(mul(x, x), Tensor.from(device, [1, 2, 3]))).toThrow(/\(3\).*\(2\)/);
  });
});
