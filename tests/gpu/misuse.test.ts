/** Misuse and loss give errors, never wrong data: released buffers, recordings, a lost device, no gradient. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { modelConfig } from '../../src/model/config.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { pretrainOptions } from '../../src/pretrain/options.ts';
import { SupervisedTrainer } from '../../src/pretrain/trainer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
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
    ['copy', () => device.copy(released(), device.allocate(16), 16)],
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

describe('a lost device', () => {
  it('rejects a training step with a typed error, and no promise is left unhandled', async () => {
    const device = await openDevice();
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const model = Transformer.create(device, modelConfig('tiny', { vocabSize: VOCAB_SIZE }), 0);
    const options = { batchSize: 2, numExamples: 20, steps: 1 };
    const task = arithmetic({ operators: ['+'], maxDigits: 1, maxDepth: 1 });
    const trainer = new SupervisedTrainer(model, pretrainOptions(options), { task });
    await trainer.step();
    const step = trainer.step();
    device.gpu.destroy();
    await expect(step).rejects.toMatchObject({ name: 'GpuError', code: 'DEVICE_LOST' });
    expect(await device.lost()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
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
