/** Memory management: scopes, dropped references, and many steps. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  AdamW,
  add,
  backward,
  capture,
  grad,
  linear,
  mean,
  mseLoss,
  mul,
  Parameters,
  relu,
  type Scalar,
  SGD,
  square,
  sub,
  sum,
  Tensor,
  zeros,
} from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../oracle/random.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Collect garbage repeatedly: finalizers run between tasks, and release more. */
async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

/** Make a small regression: two layers learn y = x₀ − x₁ from eight examples. */
function regression() {
  const shapes = { weight1: [8, 4], bias1: [8], weight2: [1, 8] };
  const parameters = new Parameters(device, new Map(Object.entries(shapes)));
  for (const [i, [, tensor]] of [...parameters.entries()].entries())
    tensor.set(normals(i, tensor.size, 0, 0.4));
  const optimizer = new SGD(parameters, { momentum: 0.9 });
  const values = normals(9, 32);
  const targets = Float32Array.from({ length: 8 }, (_, i) => (values[4 * i] ?? 0) - (values[4 * i + 1] ?? 0));
  const step = (x: Tensor, y: Tensor, lr: Scalar): Tensor => {
    parameters.zeroGrad();
    const hidden = relu(linear(x, parameters.get('weight1'), parameters.get('bias1')));
    const loss = mean(square(sub(linear(hidden, parameters.get('weight2')), y)));
    backward(loss);
    optimizer.step(lr);
    return loss;
  };
  const inputs = (): [Tensor, Tensor] => [
    Tensor.from(device, values, [8, 4]),
    Tensor.from(device, targets, [8, 1]),
  ];
  return { parameters, step, inputs };
}

describe.each([
  { mode: 'eager', replay: false },
  { mode: 'captured', replay: true },
])('10,000 training steps, $mode', ({ replay }) => {
  test('no buffer is made after the first, no byte is lost, and the loss falls', async () => {
    await settle(); // not of other tests in the middle of this one
    const { step, inputs } = regression();
    using run = capture(device, step, { replay });
    const reports: { liveBytes: number; pooledBytes: number; created: number; loss: number }[] = [];
    for (let i = 0; i < 10_000; i++) {
      using _ = device.scope();
      const loss = run(...inputs(), 0.02);
      if (i % 500 !== 1) continue;
      const { liveBytes, pooledBytes, created } = device.memory();
      reports.push({ liveBytes, pooledBytes, created, loss: await loss.item() });
    }
    const [first, ...later] = reports;
    for (const report of later) {
      expect({ ...report, loss: 0 }).toEqual({ ...first, loss: 0 });
    }
    expect(later.at(-1)?.loss).toBeLessThan(1e-3 * (first?.loss ?? 0));
  });
});

describe('without scopes', () => {
  test('dropping references is enough', async () => {
    const { step, inputs } = regression();
    await step(...inputs(), 0.01).item();
    await settle();
    const before = device.memory();
    for (let i = 0; i < 300; i++) {
      await step(...inputs(), 0.01).item();
      if (i % 20 === 0) await settle();
    }
    await settle();
    const after = device.memory();
    expect(after.liveBytes).toBe(before.liveBytes);
    // 300 steps of some 30 tensors each passed through the buffers of a few steps.
    expect(after.created - before.created).toBeLessThan(1500);
  });

  test('what is still referred to keeps its values', async () => {
    const kept = Array.from({ length: 50 }, (_, i) => add(Tensor.from(device, [i, i]), 1));
    for (let i = 0; i < 200; i++) mul(Tensor.from(device, [7, 7]), 3);
    await settle();
    for (let i = 0; i < 200; i++) mul(Tensor.from(device, [5, 5]), 3);
    const values = await Promise.all(kept.map((tensor) => tensor.data()));
    expect(values.map(([first]) => first)).toEqual(kept.map((_, i) => i + 1));
  });

  test('a dropped capture gives back what it held', async () => {
    await settle();
    const before = device.memory().holders;
    const use = (): void => {
      const f = capture(device, (x: Tensor) => sum(square(x)));
      f(normals(1, 1000));
    };
    use();
    expect(device.memory().holders['outputs of recordings']).toBe(
      (before['outputs of recordings'] ?? 0) + 256,
    );
    await device.idle();
    await settle();
    expect(device.memory().holders).toEqual(before);
  });
});

describe('what is dropped early', () => {
  test('a capture, whose result lives on, before its replay has run', async () => {
    const use = (): Tensor => capture(device, (x: Tensor, s: Scalar) => mul(x, s))(normals(1, 4), 2);
    const y = use();
    await settle();
    for (let i = 0; i < 20; i++) Tensor.from(device, [7, 7, 7, 7]);
    expect([...(await y.data())]).toEqual([...normals(1, 4).map((value) => 2 * value)]);
    await settle();
    for (let i = 0; i < 20; i++) Tensor.from(device, [7, 7, 7, 7]);
    expect([...(await y.data())]).toEqual([...normals(1, 4).map((value) => 2 * value)]);
  });

  test('a captured training step, whose parameters live on', async () => {
    const { parameters, step, inputs } = regression();
    await settle();
    const before = device.memory().holders['inputs of captured steps'];
    const use = (): void => {
      capture(device, step)(...inputs(), 0.01);
    };
    use();
    await device.idle();
    await settle();
    expect(device.memory().holders['inputs of captured steps']).toBe(before);
    expect((await parameters.get('weight1').data()).length).toBe(32);
  });

  test('tensors that were only there when a step was recorded', async () => {
    const weight = Tensor.from(device, normals(1, 16), [4, 4]).requireGrad();
    using f = capture(device, (x: Tensor) => linear(x, weight.detach()));
    using g = capture(device, (x: Tensor) => grad((w: Tensor) => sum(linear(x, w)))(weight));
    const x = Tensor.from(device, normals(2, 4), [1, 4]);
    const values = async () => [[...(await f(x).data())], [...((await g(x)[0]?.data()) ?? [])]];
    const before = await values();
    await settle();
    for (let i = 0; i < 20; i++) Tensor.from(device, normals(3, 16));
    expect(await values()).toEqual(before);
  });

  test('weights, with what was derived from them', async () => {
    await settle();
    const before = device.memory();
    const kept = () => device.memory().holders['transposed weights'] ?? 0;
    const x = Tensor.from(device, normals(2, 4), [1, 4]);
    for (let i = 0; i < 10; i++) {
      using _ = device.scope();
      const weight = Tensor.from(device, normals(i, 1024), [256, 4]);
      linear(x, weight);
      grad((w: Tensor) => sum(linear(x, w)))(weight);
      // One for the weight, whatever it is seen through.
      expect(kept() - (before.holders['transposed weights'] ?? 0)).toBe(4096);
    }
    expect(kept()).toBe(before.holders['transposed weights'] ?? 0);
    const use = (): void => {
      linear(x, Tensor.from(device, normals(1, 1024), [256, 4]).requireGrad());
    };
    use();
    expect(kept()).toBeGreaterThan(before.holders['transposed weights'] ?? 0);
    await settle();
    expect(kept()).toBe(before.holders['transposed weights'] ?? 0);
  });
});

describe('out of memory', () => {
  test('the error says how much was asked for, what is in use and who holds it', async () => {
    const small = await openDevice({ memoryLimit: 1 << 20 });
    const parameters = new Parameters(small, new Map([['weight', [256, 256]]]));
    const asking = () => small.allocate(700_000);
    expect(asking).toThrow(
      expect.objectContaining({
        code: 'OUT_OF_MEMORY',
        message: expect.stringMatching(
          /^\d+ bytes of GPU memory were asked for beside 524288 in use \(parameters 262144, gradients 262144\): a limit/,
        ),
        fix: expect.stringMatching(/smaller batch/),
      }),
    );
    parameters.dispose();
    expect(asking).not.toThrow();
    small.destroy();
  });

  test('free buffers make room before it is given up', async () => {
    const small = await openDevice({ memoryLimit: 1 << 20 });
    for (const bytes of [400_000, 500_000, 600_000, 700_000, 800_000]) {
      using _ = small.scope();
      const x = Tensor.from(small, new Float32Array(bytes / 4).fill(bytes));
      expect((await x.data()).at(-1)).toBe(bytes);
    }
    small.destroy();
  });

  test('an allocation that the driver refuses surfaces at the next read', async () => {
    const device = await openDevice();
    const { createBuffer } = device.gpu;
    const x = Tensor.from(device, [1, 2]);
    // Drivers of software adapters promise more memory than there is, so that a refusal must be made.
    device.gpu.createBuffer = ((descriptor: GPUBufferDescriptor) =>
      createBuffer.call(device.gpu, { ...descriptor, size: 2 ** 40 })) as GPUDevice['createBuffer'];
    Tensor.zeros(device, [1 << 16]);
    device.gpu.createBuffer = createBuffer;
    await expect(x.data()).rejects.toMatchObject({ name: 'GpuError' });
    device.destroy();
  });
});

describe('a loop of training steps under a limit of 64 MB', () => {
  const LIMIT = 64 * 2 ** 20;
  const ROWS = 4096;
  const WIDTH = 256;
  /** Train as in the README, with new inputs of 4 MB in every step. */
  const train = (device: Device, steps: number, scoped: boolean): void => {
    const parameters = new Parameters(device, new Map([['weight', [1, WIDTH]]]));
    const optimizer = new AdamW(parameters);
    const step = (): void => {
      const x = zeros(device, [ROWS, WIDTH]);
      const y = zeros(device, [ROWS, 1]);
      parameters.zeroGrad();
      backward(mseLoss(linear(x, parameters.get('weight')), y));
      optimizer.step(1e-2);
    };
    for (let i = 0; i < steps; i++) {
      if (!scoped) step();
      else {
        using _ = device.scope();
        step();
      }
    }
  };

  test('with a scope it needs no more in a hundred steps than in one', async () => {
    const device = await openDevice({ memoryLimit: LIMIT });
    expect(() => train(device, 100, true)).not.toThrow();
    expect(device.memory().peakBytes).toBeLessThan(LIMIT / 2);
    device.destroy();
  });

  test('without one, and without await, the error says so', async () => {
    const device = await openDevice({ memoryLimit: LIMIT });
    expect(() => train(device, 100, false)).toThrow(/using scope = device.scope\(\)/);
    device.destroy();
  });
});
