/** Dropout: the share that it keeps, equal masks for equal keys, and gradients only of kept values. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { backward, dropout, Generator, mul, type Shape, sum, Tensor } from '../../../src/tensor/index.ts';
import { philox4x32 } from '../../base/philox4x32.ts';
import { openDevice } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { shapes } from '../../oracle/random.ts';
import { type Computation, random } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

/** The first draw of a generator, against the host's generator. */
function dropped(shape: Shape, p: number, seed: number): Computation {
  const kept = Array.from({ length: oracle.sizeOf(shape) }, (_unused, i) => {
    const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] as const;
    const words = philox4x32([Math.floor(i / 4), 0, 0xffff_ffff, 0xd409], key);
    return Number(((words[i % 4] ?? 0) >>> 9) + 0.5 >= Math.fround(p) * 2 ** 23) / (1 - p);
  });
  return {
    inputs: [random(shape, seed % 1000)],
    gpu: ([x]) => dropout(x as Tensor, p, { generator: new Generator(seed) }),
    oracle: ([x]) => oracle.mul(x as oracle.Array64, oracle.array(kept, shape)),
  };
}

describeOps('Dropout', [
  {
    name: 'dropout',
    dtypes: 'f32',
    cases: fc
      .tuple(shapes(), fc.constantFrom(0.1, 0.5, 0.9), fc.maxSafeNat())
      .map(([shape, p, seed]) => dropped(shape, p, seed)),
    small: dropped([4, 5], 0.4, 2 ** 40 + 1),
  },
]);

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const KEY = { seed: 11, stream: 3, step: 7 };
const ones = (n: number) => Tensor.from(device, new Float32Array(n).fill(1));

test.each([0.1, 0.5, 0.9])('drops %f of the values and scales the rest', async (p) => {
  using _ = device.scope();
  const n = 100_003;
  const y = await dropout(ones(n), p, KEY).data();
  const kept = y.filter((value: number) => value !== 0);
  expectClose([...new Set(kept)], [1 / (1 - p)], { rtol: 1e-6 });
  // Five standard deviations of the binomial distribution.
  expect(Math.abs(kept.length - n * (1 - p))).toBeLessThan(5 * Math.sqrt(n * p * (1 - p)));
  const pairs = y.filter((value: number, i: number) => value !== 0 && (y[i + 1] ?? 0) !== 0).length;
  expect(Math.abs(pairs - n * (1 - p) ** 2)).toBeLessThan(6 * Math.sqrt(n));
});

test('every part of the key matters, and nothing else', async () => {
  using _ = device.scope();
  const mask = async (key: typeof KEY, n = 4096) => [...(await dropout(ones(n), 0.5, key).data())];
  const first = await mask(KEY);
  expect(await mask({ ...KEY })).toEqual(first);
  expect(await mask(KEY, 1000)).toEqual(first.slice(0, 1000));
  for (const other of [{ seed: 12 }, { stream: 4 }, { step: 8 }]) {
    const changed = await mask({ ...KEY, ...other });
    const agree = changed.filter((value, i) => value === first[i]).length;
    expect(Math.abs(agree - 2048)).toBeLessThan(200);
  }
});

test('the mask is the one that the generator of src/tasks/arithmetic gives', async () => {
  using _ = device.scope();
  const p = 0.3;
  const y = await dropout(ones(403), p, KEY).data();
  const expected = Array.from({ length: 403 }, (_unused, i) => {
    const words = philox4x32([Math.floor(i / 4), KEY.step, KEY.stream, 0xd409], [KEY.seed, 0]);
    return ((words[i % 4] ?? 0) >>> 9) + 0.5 >= p * 2 ** 23;
  });
  expect([...y].map((value) => value !== 0)).toEqual(expected);
});

test('the gradient passes where the value did', async () => {
  using _ = device.scope();
  const { values, shape } = random([33, 7], 1);
  const x = Tensor.from(device, values, shape).requireGrad();
  const y = dropout(mul(x, 2), 0.4, KEY);
  backward(sum(y));
  const results = await y.data();
  const wanted = Array.from(results, (value, i) => value / (values[i] ?? Number.NaN));
  expectClose((await x.grad?.data()) ?? [], wanted, { rtol: 1e-6 });
});

test('p = 0 changes nothing, and p outside [0, 1] is refused', async () => {
  using _ = device.scope();
  const x = ones(5);
  expect(dropout(x, 0, KEY)).toBe(x);
  for (const p of [1.1, -0.1, Number.NaN]) expect(() => dropout(x, p, KEY)).toThrow(/dropout: p is /);
  expect((await dropout(Tensor.zeros(device, [0]), 0.5, KEY).data()).length).toBe(0);
});

test('p = 1 leaves zeros, without a gradient', async () => {
  using _ = device.scope();
  const x = Tensor.from(device, [1, -2, Number.POSITIVE_INFINITY, Number.NaN, 5]).requireGrad();
  const y = dropout(x, 1, KEY);
  expect([...(await y.data())]).toEqual([0, 0, 0, 0, 0]);
  backward(y, ones(5));
  expect([...((await x.grad?.data()) ?? [])]).toEqual([0, 0, 0, 0, 0]);
});

test('every dropout takes a draw of the generator, every replay another one', async () => {
  using _ = device.scope();
  const generator = new Generator(6);
  const mask = async () => [...(await dropout(ones(500), 0.5, { generator }).data())];
  const masks = [await mask(), await mask(), await mask()];
  expect(masks[0]).not.toEqual(masks[1]);
  expect(generator.state().offset).toBe(3);
  expect(dropout(ones(2), 0, { generator }).shape).toEqual([2]);
  expect(generator.state().offset).toBe(3);

  generator.restore({ seed: 6, offset: 0 });
  const x = ones(500).requireGrad();
  const gradient = Tensor.zeros(device, [500]);
  x.grad = gradient;
  const y = Tensor.empty(device, [500]);
  using recording = device.record(() => {
    const result = dropout(mul(x, 1), 0.5, { generator });
    y.set(result);
    backward(sum(result));
  });
  for (const wanted of masks) {
    device.clear(gradient.view);
    recording.replay();
    expect([...(await y.data())]).toEqual(wanted);
    expect([...(await gradient.data())]).toEqual(wanted);
  }
});

test('the step of a key may be a function', async () => {
  using _ = device.scope();
  let step = 7;
  const y = Tensor.empty(device, [100]);
  const x = ones(100);
  using recording = device.record(() => {
    y.set(dropout(x, 0.5, { ...KEY, step: () => step }));
  });
  for (step of [7, 8]) {
    recording.replay();
    expect(await y.data()).toEqual(await dropout(x, 0.5, { ...KEY, step }).data());
  }
});
