/** Debug mode: fresh memory is poisoned, and a read names the op that made the first NaN or infinity. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GpuError } from '../../src/base/errors.ts';
import { Device } from '../../src/gpu/device.ts';
import { openAdapter } from '../../src/gpu/node.ts';
import {
  add,
  backward,
  capture,
  customGradient,
  div,
  exp,
  linear,
  log,
  maskedFill,
  mul,
  type Scalar,
  softmax,
  sqrt,
  sum,
  Tensor,
} from '../../src/tensor/index.ts';

const { MATHFORMER_ADAPTER: name } = process.env;

/** Run on a new device: a debug device reports an error at every later read. */
async function withDebugging(run: (device: Device) => Promise<void>): Promise<void> {
  const { adapter } = await openAdapter(name === undefined ? {} : { name });
  const device = await Device.open(adapter, { debug: true });
  await run(device);
  device.destroy();
}

const failure = (promise: Promise<unknown>): Promise<GpuError> =>
  promise.then(
    () => {
      throw new Error('the read succeeded');
    },
    (error) => error as GpuError,
  );

test('the first op is named, with its shapes and where it was called', () =>
  withDebugging(async (device) => {
    const x = Tensor.from(device, [1, -1, 4, 0], [2, 2]);
    const y = add(exp(mul(log(x), 2)), 1); // log(−1) is NaN
    const error = await failure(y.data());
    expect(error).toBeInstanceOf(GpuError);
    expect(error).toMatchObject({ code: 'NOT_FINITE', where: 'log' });
    expect(error.message).toMatch(/^log made a NaN or an infinity: inputs \(2,2\), result \(2,2\)/);
    expect(String(error.cause)).toMatch(/debug\.test\.ts/);
  }));

test('of a gradient, too', () =>
  withDebugging(async (device) => {
    const x = Tensor.from(device, [0, 1]).requireGrad();
    const y = sum(sqrt(x)); // fine; its derivative at 0 is not
    expect(await y.item()).toBe(1);
    backward(y);
    const error = await failure((x.grad as Tensor).data());
    expect(error).toMatchObject({ code: 'NOT_FINITE', where: 'the gradient of sqrt' });
  }));

test('of an op of one’s own', () =>
  withDebugging(async (device) => {
    const ratio = customGradient({
      name: 'ratio',
      forward: (a: Tensor, b: Tensor) => div(a, b),
      backward: (dy, { inputs: [, b] }) => [div(dy, b), undefined],
    });
    const y = ratio(Tensor.from(device, [1]), Tensor.from(device, [0]));
    expect(await failure(y.item())).toMatchObject({ code: 'NOT_FINITE' });
  }));

test('in the replay of a captured step in which it happens', () =>
  withDebugging(async (device) => {
    using f = capture(device, (x: Tensor, s: Scalar) => log(add(x, s)));
    const x = Float32Array.of(1, 2);
    expect((await f(x, 0).data()).length).toBe(2);
    expect((await f(x, 1).data()).length).toBe(2);
    expect(await failure(f(x, -2).data())).toMatchObject({ code: 'NOT_FINITE', where: 'log' });
  }));

test('in a gradient that is added to that of a leaf in place', () =>
  withDebugging(async (device) => {
    const weight = Tensor.from(device, new Float32Array(16).fill(1e-30), [4, 4]).requireGrad();
    const x = Tensor.from(device, new Float32Array(4).fill(1e30), [1, 4]);
    const y = mul(sum(linear(x, weight)), 1e30);
    expect(Number.isFinite(await y.item())).toBe(true);
    backward(y);
    const error = await failure((weight.grad as Tensor).data());
    expect(error).toMatchObject({ code: 'NOT_FINITE', where: 'the gradient of linear' });
  }));

test('by every one of several reads at a time', () =>
  withDebugging(async (device) => {
    const y = log(Tensor.from(device, [-1]));
    const errors = await Promise.all([y, y, y].map((each) => failure(each.data())));
    expect(errors.map(({ where }) => where)).toEqual(['log', 'log', 'log']);
    expect(await failure(y.data())).toMatchObject({ where: 'log' });
  }));

test('infinities that were asked for are none of its business in replays and gradients either', () =>
  withDebugging(async (device) => {
    const mask = Tensor.from(device, [false, false, true]);
    const weight = Tensor.from(device, [1, 1, 1]).requireGrad();
    using f = capture(device, (x: Tensor) => {
      const scores = mul(maskedFill(x, mask, Number.NEGATIVE_INFINITY), 0.5);
      backward(sum(mul(scores, weight)));
      return softmax(mul(scores, 2));
    });
    for (let i = 0; i < 3; i++) expect((await f(Float32Array.of(1, 2, i)).data())[2]).toBe(0);
    expect((await weight.grad?.data())?.[2]).toBe(Number.NEGATIVE_INFINITY);
  }));

test('infinities that were asked for are none of its business', () =>
  withDebugging(async (device) => {
    const scores = Tensor.from(device, [1, 2, 3]);
    const mask = Tensor.from(device, [false, false, true]);
    const p = softmax(maskedFill(scores, mask, Number.NEGATIVE_INFINITY));
    expect((await p.data())[2]).toBe(0);
    // Nor those that came in from outside, or what ops make of them.
    const y = mul(Tensor.from(device, [Number.POSITIVE_INFINITY]), 2);
    expect(await y.item()).toBe(Number.POSITIVE_INFINITY);
  }));

describe('fresh memory', () => {
  test('is NaN until it is written', () =>
    withDebugging(async (device) => {
      expect(await Tensor.empty(device, [1]).item()).toBeNaN();
      const large = await Tensor.empty(device, [200_000]).data();
      expect(large.every(Number.isNaN)).toBe(true);
      expect(await sum(Tensor.zeros(device, [10])).item()).toBe(0);
    }));
});

describe('without debug mode', () => {
  let device: Device;
  beforeAll(async () => {
    const { adapter } = await openAdapter(name === undefined ? {} : { name });
    device = await Device.open(adapter);
  });
  afterAll(() => device.destroy());

  test('values that are not finite are values', async () => {
    const before = device.counters().dispatches;
    const y = log(Tensor.from(device, [-1, 0]));
    expect([...(await y.data())]).toEqual([Number.NaN, Number.NEGATIVE_INFINITY]);
    expect(device.counters().dispatches - before).toBe(1);
  });
});
