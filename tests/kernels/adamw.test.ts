/** AdamW against the reference over several steps, with clipping; and gradients that are not finite. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { type AdamwArena, type AdamwHyperparameters, adamw } from '../../src/kernels/adamw.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { AdamW, clipGradNorm } from '../oracle/optim.ts';
import { normals } from '../oracle/random.ts';

const OPTIONS = {
  lr: 0.01,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.1,
  maxNorm: 1,
} as const satisfies AdamwHyperparameters;

const values = (seed: number, count: number, std = 1): Float32Array<ArrayBuffer> =>
  Float32Array.from(normals(seed, count, 0, std));

/** The state of an optimiser over `count` values on the GPU. */
class State {
  readonly arena: AdamwArena;
  readonly report: BufferView;
  readonly #device: Device;

  constructor(device: Device, weight: Float32Array<ArrayBuffer>) {
    this.#device = device;
    const allocate = () => {
      const view = device.allocate(weight.byteLength);
      device.clear(view);
      return view;
    };
    const [values, gradients, m, v] = [allocate(), allocate(), allocate(), allocate()];
    this.arena = { size: weight.length, values, gradients, m, v };
    this.report = allocate();
    device.upload(values, weight);
  }

  step(gradient: Float32Array<ArrayBuffer>, step: number, options: AdamwHyperparameters = OPTIONS): void {
    this.#device.upload(this.arena.gradients, gradient);
    adamw(this.#device, [this.arena], this.report, step, options);
  }

  async read(name: 'values' | 'm' | 'v' | 'report'): Promise<Float32Array> {
    const [view, count] = name === 'report' ? [this.report, 3] : [this.arena[name], this.arena.size];
    return new Float32Array(await this.#device.read(view), 0, count);
  }
}

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test.each([
    { count: 4, maxNorm: 1 },
    { count: 260, maxNorm: 1 },
    { count: 260, maxNorm: 1e6 },
    { count: 260, maxNorm: 0 },
    // More than 256 partial sums of squares of 256 values: the sum is made in two passes.
    { count: 70_000, maxNorm: 5 },
  ])('five steps over $count values, clipped at $maxNorm', async ({ count, maxNorm }) => {
    using _ = device.scope();
    const weight = values(1, count);
    const state = new State(device, weight);
    const reference = Float64Array.from(weight);
    const optimizer = new AdamW();
    for (let step = 1; step <= 5; step++) {
      const gradient = values(10 + step, count, step === 3 ? 100 : 0.5);
      const parameter = { value: reference, grad: Float64Array.from(gradient) };
      const norm = clipGradNorm([parameter], maxNorm || Number.MAX_VALUE);
      optimizer.step([parameter], OPTIONS);
      state.step(gradient, step, { ...OPTIONS, maxNorm });
      const [reported, skipped, inARow] = await state.read('report');
      expectClose([reported ?? 0], [norm], { rtol: 3e-6, label: `norm of step ${step}` });
      expect([skipped, inARow]).toEqual([0, 0]);
    }
    expectClose(await state.read('values'), reference);
  });

  test('the shares of a new gradient in the moments are exact, though 1 − 0.999 in f32 is off by 1e-5', async () => {
    using _ = device.scope();
    const state = new State(device, values(1, 8));
    const gradient = values(2, 8);
    state.step(gradient, 1, { ...OPTIONS, beta2: 0.999, maxNorm: 0 });
    const exact = { rtol: 3e-7, atol: 0 };
    const moment = (share: number, power: number) => Array.from(gradient, (g) => share * g ** power);
    expectClose(await state.read('m'), moment(1 - 0.9, 1), exact);
    expectClose(await state.read('v'), moment(1 - 0.999, 2), exact);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'a gradient with %f changes nothing and is counted',
    async (bad) => {
      using _ = device.scope();
      const state = new State(device, values(1, 300));
      const good = values(2, 300);
      state.step(good, 1);
      const read = async () => [await state.read('values'), await state.read('m'), await state.read('v')];
      const before = await read();
      const poisoned = good.slice();
      poisoned[123] = bad;
      state.step(poisoned, 2);
      expect(await read()).toEqual(before);
      expect([...(await state.read('report'))].slice(1)).toEqual([1, 1]);
      state.step(poisoned, 3);
      expect([...(await state.read('report'))].slice(1)).toEqual([2, 2]);
      // A good one counts as such: two were skipped in all, none of them just now.
      state.step(good, 4);
      expect([...(await state.read('report'))].slice(1)).toEqual([2, 0]);
      expect(await read()).not.toEqual(before);
      for (const part of await read()) expect(part.every(Number.isFinite)).toBe(true);
    },
  );

  test('finite gradients whose squares f32 does not have are no reason to skip a step', async () => {
    using _ = device.scope();
    const weight = values(1, 8);
    for (const [gradient, norm] of [
      [1e20, Math.sqrt(8) * 1e20],
      [3e38, Number.POSITIVE_INFINITY],
    ] as const) {
      const state = new State(device, weight);
      state.step(new Float32Array(8).fill(gradient), 1);
      expect(await state.read('values')).not.toEqual(weight);
      const [found, skipped] = await state.read('report');
      expect(skipped).toBe(0);
      expectClose([found as number], [norm], { rtol: 1e-6 });
    }
  });

  test('no gradient decays the weights and no more', async () => {
    using _ = device.scope();
    const weight = values(1, 8);
    const state = new State(device, weight);
    state.step(new Float32Array(8), 1);
    expectClose(
      await state.read('values'),
      weight.map((w) => w * (1 - 0.01 * 0.1)),
    );
  });

  test('scratch memory is returned', async () => {
    using _ = device.scope();
    const state = new State(device, values(1, 300));
    state.step(values(2, 300), 1);
    const { liveBytes, created } = device.memory();
    state.step(values(3, 300), 2);
    expect(device.memory()).toMatchObject({ liveBytes, created });
    await device.idle();
  });
});
