/** Training of a small network: losses fall, memory does not grow, and bits repeat. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  AdamW,
  attention,
  backward,
  dropout,
  embedding,
  layerNorm,
  linear,
  logSoftmaxGather,
  mean,
  mixtureOfExperts,
  neg,
  Packing,
  Parameters,
  Tensor,
} from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { integers, normals } from '../oracle/random.ts';

const [V, D, F, EXPERTS] = [11, 8, 12, 3] as const;
const SHAPES = new Map<string, readonly number[]>([
  ['embedding', [V, D]],
  ['norm', [D]],
  ['qkv', [3 * D, D]],
  ['router', [EXPERTS, D]],
  ['up', [EXPERTS, F, D]],
  ['down', [EXPERTS, D, F]],
  ['head', [V, D]],
  ['head bias', [V]],
]);

/** A network with every op of a transformer, on sequences of several lengths. */
class Net {
  readonly parameters: Parameters;
  readonly optimizer: AdamW;
  readonly packing = new Packing([9, 1, 14]);
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
    this.parameters = new Parameters(device, SHAPES);
    this.optimizer = new AdamW(this.parameters, { gradClip: 1, weightDecay: 0.01 });
    let seed = 0;
    for (const [name, tensor] of this.parameters.entries()) {
      const [centre, spread] = name === 'norm' ? [1, 0] : [0, 0.3];
      tensor.set(Float32Array.from(normals(++seed, tensor.size, centre, spread)));
    }
  }

  /** Take a step. The returned loss belongs to the caller's scope. */
  step(index: number): Tensor {
    const { packing, parameters } = this;
    const device = this.#device;
    const p = (name: string) => parameters.get(name);
    const tokens = Uint32Array.from(integers(1, packing.rows, V));
    const targets = Tensor.from(
      device,
      tokens.map((token) => (token + 3) % V),
    );
    parameters.zeroGrad();
    const x = embedding(Tensor.from(device, tokens), p('embedding'), 2);
    const slopes = Tensor.from(device, [0.5, 0.25]);
    const attended = attention(linear(layerNorm(x, p('norm')), p('qkv')), packing, { slopes });
    const dropped = dropout(attended, 0.1, { seed: 5, stream: 1, step: index });
    const hidden = linear(dropped, p('router'));
    const mixed = mixtureOfExperts(dropped, hidden, 2, { weight1: p('up'), weight2: p('down') }).y;
    const logits = linear(mixed, p('head'), p('head bias'));
    const loss = neg(mean(logSoftmaxGather(logits, targets).logp));
    backward(loss);
    this.optimizer.step(0.02);
    return loss;
  }

  dispose(): void {
    this.optimizer.dispose();
    this.parameters.dispose();
  }
}

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test('200 steps allocate nothing new once warm, and learn', async () => {
    const before = device.memory();
    const net = new Net(device);
    const losses: number[] = [];
    let warm: ReturnType<Device['memory']> | undefined;
    for (let step = 0; step < 200; step++) {
      using _ = device.scope();
      const loss = net.step(step);
      if (step % 20 === 0 || step === 199) losses.push(await loss.item());
      if (step === 3) warm = device.memory();
      if (step > 3) expect(device.memory().created).toBe(warm?.created);
    }
    const after = device.memory();
    // Between two steps only the parameters, the moments and the transposed weights are left.
    expect(after.peakBytes).toBe(warm?.peakBytes);
    {
      using _ = device.scope();
      net.step(200);
    }
    expect(device.memory().liveBytes).toBe(after.liveBytes);
    expect(after.liveBytes - before.liveBytes).toBeLessThan(200_000);
    expect(losses[0]).toBeGreaterThan(1.5);
    expect(losses.at(-1)).toBeLessThan(0.5);
    expect(await net.optimizer.report()).toMatchObject({ skipped: 0, skippedInARow: 0 });
    net.dispose();
  });

  test('the same steps give the same bits', async () => {
    const run = async () => {
      const net = new Net(device);
      const losses: number[] = [];
      for (let step = 0; step < 5; step++) {
        using _ = device.scope();
        losses.push(await net.step(step).item());
      }
      const weights = new Uint32Array((await net.parameters.data()).buffer);
      const gradients = await Promise.all(
        net.parameters.arenas.map(({ gradients }) => device.read(gradients)),
      );
      net.dispose();
      return { losses, weights, gradients };
    };
    expect(await run()).toEqual(await run());
  });
});
