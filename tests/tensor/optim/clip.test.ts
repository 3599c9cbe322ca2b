/** Limits on gradients in place. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { clipGradNorm, clipGradValue, Parameters } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import { expectClose } from '../../oracle/compare.ts';
import { clipGradNorm as reference } from '../../oracle/optim.ts';
import { gradientOf, initialised, setGradients } from './course.ts';

describe('clipping', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each([0.5, 1e6])('norm %f', async (maxNorm) => {
    using _ = device.scope();
    const parameters = initialised(device);
    setGradients(parameters, 2);
    const expected = [...parameters.entries()].map(([, { size }], index) => ({
      value: new Float64Array(size),
      grad: Float64Array.from(gradientOf(2, index, size)),
    }));
    const norm = reference(expected, maxNorm);
    expectClose([await clipGradNorm(parameters, () => maxNorm).item()], [norm], { rtol: 3e-6 });
    for (const [index, [, { grad }]] of [...parameters.entries()].entries()) {
      expectClose((await grad?.data()) ?? [], expected[index]?.grad ?? []);
    }
    parameters.dispose();
  });

  test('gradients of 0 stay 0, and infinite ones become 0 or NaN as in PyTorch', async () => {
    using _ = device.scope();
    const parameters = new Parameters(device, new Map([['w', [3]]]));
    const gradient = parameters.get('w').grad;
    expect(await clipGradNorm(parameters, 1).item()).toBe(0);
    expect([...((await gradient?.data()) ?? [])]).toEqual([0, 0, 0]);
    gradient?.set(Float32Array.of(1, -2, Number.POSITIVE_INFINITY));
    expect(await clipGradNorm(parameters, 1).item()).toBe(Number.POSITIVE_INFINITY);
    expect([...((await gradient?.data()) ?? [])]).toEqual([0, -0, Number.NaN]);
    parameters.dispose();
  });

  test('a NaN makes the norm and all gradients NaN, as in PyTorch', async () => {
    const parameters = new Parameters(device, new Map([['w', [3]]]));
    const gradient = parameters.get('w').grad;
    gradient?.set(Float32Array.of(Number.NaN, 1, 0));
    expect(await clipGradNorm(parameters, 1).item()).toBeNaN();
    expect([...((await gradient?.data()) ?? [])]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    parameters.dispose();
  });

  test('errorIfNonfinite: an error where the norm or a gradient is read, and for nothing else', async () => {
    const parameters = new Parameters(device, new Map([['w', [3]]]));
    const { grad: gradient } = parameters.get('w');
    const strict = { errorIfNonfinite: true };
    const refused = { code: 'NOT_FINITE', where: 'clipGradNorm' };
    gradient?.set(Float32Array.of(3e20, 4e20, 0));
    expectClose([await clipGradNorm(parameters, 1, strict).item()], [5e20], { rtol: 1e-6 });
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY]) {
      gradient?.set(Float32Array.of(odd, 1, 0));
      await expect(clipGradNorm(parameters, 1, strict).item()).rejects.toMatchObject(refused);
      await expect(gradient?.data()).rejects.toMatchObject(refused);
      expect([...(await parameters.get('w').data())]).toEqual([0, 0, 0]);
      parameters.zeroGrad();
      expect(await clipGradNorm(parameters, 1, strict).item()).toBe(0);
    }
    expect(() => clipGradNorm(parameters, 1, { errorIfNonFinite: true } as object)).toThrow(
      'errorIfNonfinite',
    );
    parameters.dispose();
  });

  test('the norm of large gradients does not overflow', async () => {
    const parameters = new Parameters(device, new Map([['w', [4]]]));
    const gradient = parameters.get('w').grad;
    gradient?.set(Float32Array.of(3e20, -4e20, 0, 1));
    expectClose([await clipGradNorm(parameters, 1).item()], [5e20], { rtol: 1e-6 });
    expectClose((await gradient?.data()) ?? [], [0.6, -0.8, 0, 2e-21]);
    parameters.dispose();
  });

  test('values', async () => {
    const parameters = new Parameters(device, new Map([['w', [6]]]));
    const gradient = parameters.get('w').grad;
    gradient?.set(Float32Array.of(-3, -0.25, 0, 0.5, Number.POSITIVE_INFINITY, Number.NaN));
    clipGradValue(parameters, 0.5);
    expect([...((await gradient?.data()) ?? [])]).toEqual([-0.5, -0.25, 0, 0.5, 0.5, Number.NaN]);
    parameters.dispose();
  });
});
