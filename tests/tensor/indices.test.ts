/** An index out of range is an error that names op, index and size, in every op, for indices from the host and the GPU. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import * as ops from '../../src/tensor/index.ts';
import { capture, type DType, Tensor, tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const floats = (...shape: number[]): Tensor => Tensor.zeros(device, shape);
/** An op with an index (2) into a size of 3. */
const OPS: readonly (readonly [string, (index: Tensor) => Tensor])[] = [
  ['embedding', (index) => ops.embedding(index, floats(3, 4))],
  ['embedding', (index) => ops.embedding(index, floats(3, 2))],
  ['indexSelect', (index) => ops.indexSelect(floats(3, 2), 0, index)],
  ['indexSelect', (index) => ops.indexSelect(Tensor.zeros(device, [3], 'i32'), 0, index)],
  ['gather', (index) => ops.gather(floats(3), 0, index)],
  ['scatterAdd', (index) => ops.scatterAdd(floats(3), 0, index, floats(2))],
  ['oneHot', (index) => ops.oneHot(index, 3)],
  ['oneHot', (index) => ops.oneHot(index, 3, 'i32')],
  ['crossEntropy', (index) => ops.crossEntropy(floats(2, 3), index)],
  ['logSoftmaxGather', (index) => ops.logSoftmaxGather(floats(2, 3), index).logp],
];

const failure = (run: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(run)
    .then(
      () => undefined,
      (error: unknown) => error,
    );
const outside = (op: string, index: number) => ({
  code: 'INDEX_OUT_OF_RANGE',
  where: op,
  message: expect.stringMatching(
    new RegExp(`^${op}: .*\\(2\\) has the index ${index}, outside of the size 3`),
  ),
});

describe.each(OPS)('%s', (op, run) => {
  test.each([
    [[0, 9], 'u32', 9],
    [[3, 0], 'i32', 3],
    [[0, -1], 'i32', -1],
    [[0, 2 ** 32 - 1], 'u32', 2 ** 32 - 1],
  ] as const)('at once for the host’s %j', (values, dtype, odd) => {
    let thrown: unknown;
    try {
      run(tensor(device, [...values], { dtype }));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject(outside(op, odd));
  });

  test.each([
    [[0, 9], 'u32', 9],
    [[0, -1], 'i32', -1],
  ] as const)('at the read for the GPU’s %j, of what depends on it alone', async (values, dtype, odd) => {
    const made = ops.add(tensor(device, [...values], { dtype }), 0);
    const [unrelated, y] = [ops.add(floats(2), 1), ops.add(ops.cast(run(made), 'f32'), 1)];
    expect([...(await unrelated.data())]).toEqual([1, 1]);
    expect(await failure(() => y.data())).toMatchObject(outside(op, odd));
    expect(await failure(() => y.data())).toMatchObject(outside(op, odd));
    expect([...(await made.data())]).toEqual([...values]);
    const good = run(ops.add(tensor(device, [0, 2], { dtype }), 0));
    expect(await failure(() => good.data())).toBeUndefined();
  });

  test('in replays, of the host’s indices and of the GPU’s', async () => {
    using step = capture(device, (index: Tensor) => ops.cast(run(index), 'f32'));
    using made = capture(device, (index: Tensor) => ops.cast(run(ops.add(index, 0)), 'f32'));
    for (const f of [step, made]) {
      expect(await failure(() => f(Int32Array.of(0, 2)).data())).toBeUndefined();
      expect(await failure(() => f(Int32Array.of(0, 3)).data())).toMatchObject(outside(op, 3));
      expect(await failure(() => f(Int32Array.of(-7, 1)).data())).toMatchObject(outside(op, -7));
      expect(await failure(() => f(Int32Array.of(1, 1)).data())).toBeUndefined();
    }
  });
});

test('indices that exist by construction cost no check', () => {
  const dispatches = (run: () => unknown): number => {
    const before = device.counters().dispatches;
    run();
    return device.counters().dispatches - before;
  };
  const x = floats(2, 3);
  const weight = floats(3, 4);
  expect(dispatches(() => ops.embedding(tensor(device, [0, 2], { dtype: 'u32' }), weight))).toBe(1);
  expect(dispatches(() => ops.embedding(ops.argmax(x, { axis: 1 }), weight))).toBe(2);
  const { indices } = ops.topk(x, 1);
  expect(dispatches(() => ops.embedding(indices, weight))).toBe(1);
});

test('an index that is replaced in place is checked anew', () => {
  const index = tensor(device, [0, 1], { dtype: 'u32' });
  index.set([0, 5]);
  expect(() => ops.oneHot(index, 3)).toThrow(/index 5/);
  index.set([0, 2]);
  expect(() => ops.oneHot(index, 3)).not.toThrow();
});

test('ignored targets beside wrong ones hide none', async () => {
  const targets = (dtype: DType, ...values: number[]) => tensor(device, values, { dtype });
  const loss = (index: Tensor) => ops.crossEntropy(floats(3, 3), index);
  expect(() => loss(targets('i32', -100, 0, 3))).toThrow(/index 3/);
  expect(await failure(() => loss(targets('i32', -100, -1, 0)).item())).toMatchObject({
    message: expect.stringContaining('index -1'),
  });
  expect(await failure(() => loss(targets('i32', -100, 1, 0)).item())).toBeUndefined();
});
