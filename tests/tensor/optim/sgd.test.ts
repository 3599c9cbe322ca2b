/** SGD over the arena: plain, with momentum, dampening, Nesterov and decay, each equal to the reference. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { SGD, type SGDOptions } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import { Sgd } from '../../oracle/optim.ts';
import { expectReplaysAlike, expectSameCourse, initialised, setGradients } from './course.ts';

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each<SGDOptions>([
    {},
    { weightDecay: 0.1, gradClip: 1 },
    { momentum: 0.9 },
    { momentum: 0.9, dampening: 0.5, weightDecay: 0.05, gradClip: 20 },
    { momentum: 0.8, nesterov: true, weightDecay: 0.05 },
  ])('25 steps with %o', async (options) => {
    const optimizer = new SGD(initialised(device), options);
    const reference = new Sgd();
    await expectSameCourse({
      optimizer,
      reference: (parameters, lr) => reference.step(parameters, { lr, ...options }),
      maxNorm: options.gradClip ?? 0,
      steps: 25,
    });
    optimizer.dispose();
    optimizer.parameters.dispose();
  });

  test('a gradient that is not finite is left out; the first finite one starts the velocity', async () => {
    const parameters = initialised(device);
    const optimizer = new SGD(parameters, { momentum: 0.5, dampening: 0.5 });
    const weight = parameters.get('c');
    weight.set(Float32Array.of(0));
    const step = async (gradient: number): Promise<number> => {
      weight.grad?.set(Float32Array.of(gradient));
      optimizer.step(1);
      return weight.item();
    };
    expect(await step(Number.NaN)).toBe(0);
    expect(await step(Number.POSITIVE_INFINITY)).toBe(0);
    expect(await optimizer.report()).toMatchObject({ skipped: 2, skippedInARow: 2 });
    // Velocities 1 and 0.5·1 + 0.5·2.
    expect(await step(1)).toBe(-1);
    expect(await step(Number.NaN)).toBe(-1);
    expect(await step(2)).toBe(-2.5);
    expect(await optimizer.report()).toMatchObject({ gradNorm: 2, skipped: 3, skippedInARow: 0 });
    optimizer.dispose();
    parameters.dispose();
  });

  test('recorded steps are steps', () =>
    expectReplaysAlike(device, (parameters) => new SGD(parameters, { momentum: 0.9, dampening: 0.3 })));

  test('what was allocated is released', () => {
    const before = device.memory().liveBuffers;
    const parameters = initialised(device);
    const optimizer = new SGD(parameters, { momentum: 0.9 });
    setGradients(parameters, 0);
    optimizer.step(0.1);
    optimizer.dispose();
    parameters.dispose();
    expect(device.memory().liveBuffers).toBe(before);
  });

  test('Nesterov without momentum, or with dampening, is refused', () => {
    const parameters = initialised(device);
    expect(() => new SGD(parameters, { nesterov: true })).toThrow(/Nesterov momentum with momentum 0/);
    expect(() => new SGD(parameters, { nesterov: true, momentum: 0.9, dampening: 0.1 })).toThrow(
      /dampening 0.1/,
    );
    parameters.dispose();
  });
});
