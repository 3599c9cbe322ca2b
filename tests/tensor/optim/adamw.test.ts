/** AdamW over the arena: its steps equal those of the reference, eager and recorded. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { AdamW, type AdamWOptions } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';
import { AdamW as Reference } from '../../oracle/optim.ts';
import { expectReplaysAlike, expectSameCourse, initialised } from './course.ts';

describe('AdamW', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each<AdamWOptions>([
    {},
    { weightDecay: 0.1, gradClip: 1 },
    { beta1: 0.8, beta2: 0.95, eps: 1e-6, gradClip: 20 },
  ])('25 steps with %o', async (options) => {
    const optimizer = new AdamW(initialised(device), options);
    const reference = new Reference();
    await expectSameCourse({
      optimizer,
      reference: (parameters, lr) => reference.step(parameters, { lr, ...options }),
      maxNorm: options.gradClip ?? 0,
      steps: 25,
    });
    optimizer.dispose();
    optimizer.parameters.dispose();
  });

  test('recorded steps count, and correct for how many there were', () =>
    expectReplaysAlike(device, (parameters) => new AdamW(parameters, { gradClip: 1 })));

  test('what is derived from a parameter learns of a step', () => {
    const parameters = initialised(device);
    const optimizer = new AdamW(parameters);
    const versions = (): number[] =>
      [...parameters.entries()].map(([, tensor]) => tensor.view.buffer.version);
    const before = versions();
    optimizer.step(0.1);
    expect(versions()).toEqual(before.map((version) => version + 1));
    optimizer.dispose();
    parameters.dispose();
  });
});
