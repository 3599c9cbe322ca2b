/** Values changed between forward and backward: as in PyTorch, an error if the backward pass needs the old ones. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import * as ops from '../../src/tensor/index.ts';
import {
  backward,
  capture,
  noGrad,
  Parameters,
  type Scalar,
  SGD,
  sum,
  type Tensor,
  tensor,
} from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const leaf = (...values: number[]): Tensor => tensor(device, values, { requiresGrad: true });
const CHANGED = { code: 'CHANGED_IN_PLACE' };
const refusal = (run: () => void): unknown => {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('an input changed after the op', () => {
  test.each([
    ['square', (x: Tensor) => ops.square(x)],
    ['mul', (x: Tensor) => ops.mul(x, x)],
    ['log', (x: Tensor) => ops.log(x)],
    ['pow', (x: Tensor) => ops.pow(x, 3)],
    ['clamp', (x: Tensor) => ops.clamp(x, 0, 1)],
    ['max', (x: Tensor) => ops.max(x)],
    ['prod', (x: Tensor) => ops.prod(x)],
    ['variance', (x: Tensor) => ops.variance(x)],
    ['norm', (x: Tensor) => ops.norm(x)],
    ['layerNorm', (x: Tensor) => ops.layerNorm(x)],
    ['matmul', (x: Tensor) => ops.matmul(x, x)],
    ['linear', (x: Tensor) => ops.linear(ops.reshape(x, [1, 4]), ops.reshape(x, [1, 4]))],
    ['cumprod', (x: Tensor) => ops.cumprod(x)],
    ['checkpoint', (x: Tensor) => ops.checkpoint((a) => ops.square(a), [x])],
  ])('%s needs it', (_, op) => {
    const x = leaf(1, 2, 3, 4);
    const y = sum(op(x));
    x.set([10, 20, 30, 40]);
    expect(refusal(() => backward(y))).toMatchObject(CHANGED);
  });

  test.each([
    ['add', (x: Tensor) => ops.add(x, 1), [1, 1]],
    ['neg', (x: Tensor) => ops.neg(x), [-1, -1]],
    ['mul by a number', (x: Tensor) => ops.mul(x, 3), [3, 3]],
    ['sum', (x: Tensor) => sum(x), [1, 1]],
    ['reshape', (x: Tensor) => ops.reshape(x, [1, 2]), [1, 1]],
    ['exp', (x: Tensor) => ops.exp(x), [Math.E, Math.E]],
    ['sqrt', (x: Tensor) => ops.sqrt(x), [0.5, 0.5]],
    ['tanh', (x: Tensor) => ops.tanh(x), [1 - Math.tanh(1) ** 2, 1 - Math.tanh(1) ** 2]],
    ['relu', (x: Tensor) => ops.relu(x), [1, 1]],
    ['softmax', (x: Tensor) => ops.softmax(x), [0, 0]],
    ['cat', (x: Tensor) => ops.cat([x, x]), [2, 2]],
  ] as const)('%s does not', async (_, op, expected) => {
    const x = leaf(1, 1);
    const y = sum(op(x));
    x.set([10, 20]);
    backward(y);
    const found = [...((await x.grad?.data()) ?? [])];
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 5);
  });
});

test('the error names the op and the tensor', () => {
  const x = leaf(1, 2);
  const y = sum(ops.square(x));
  x.set([10, 20]);
  expect(() => backward(y)).toThrow(
    /^square: its input \(2\) was changed in place between the forward and the backward/,
  );
});

test('a result that the backward pass needs must not change either', () => {
  const x = leaf(1, 2);
  const y = ops.exp(x);
  const total = sum(y);
  y.set([0, 0]);
  expect(() => backward(total)).toThrow(/^exp: its result \(2\)/);
});

test('nor an index', () => {
  const x = leaf(1, 2);
  const index = tensor(device, [0], { dtype: 'u32' });
  const y = sum(ops.gather(x, 0, index));
  index.set([1]);
  expect(refusal(() => backward(y))).toMatchObject(CHANGED);
});

describe('every way of changing values is seen', () => {
  const weights = (): Parameters => {
    const parameters = new Parameters(
      device,
      new Map([
        ['a', [2]],
        ['b', [2]],
      ]),
    );
    parameters.get('a').set([1, 2]);
    parameters.get('b').set([3, 4]);
    return parameters;
  };
  const loss = (parameters: Parameters): Tensor => sum(ops.square(parameters.get('a')));

  test.each([
    ['an optimiser', (parameters: Parameters) => new SGD(parameters).step(0.1)],
    ['set of all', (parameters: Parameters) => parameters.set(new Float32Array(parameters.size))],
    ['copyFrom', (parameters: Parameters) => parameters.copyFrom(weights())],
    ['set by a tensor', (parameters: Parameters) => parameters.get('a').set(tensor(device, [5, 6]))],
    ['an upload', (parameters: Parameters) => device.upload(parameters.get('a').view, Float32Array.of(1, 1))],
    [
      'a replay',
      (parameters: Parameters) => {
        using step = capture(device, (x: Tensor) => {
          parameters.zeroGrad();
          backward(sum(ops.mul(parameters.get('a'), x)));
          new SGD(parameters).step(0.1);
        });
        step(Float32Array.of(1, 1));
      },
    ],
  ])('%s', (_, change) => {
    const parameters = weights();
    const y = loss(parameters);
    change(parameters);
    expect(refusal(() => backward(y))).toMatchObject(CHANGED);
  });

  test('a later replay', () => {
    const parameters = weights();
    const optimizer = new SGD(parameters);
    using step = capture(device, (rate: Scalar) => optimizer.step(rate));
    step(0.1);
    const y = loss(parameters);
    step(0.1);
    expect(refusal(() => backward(y))).toMatchObject(CHANGED);
  });

  test('the result of a captured step, replayed', () => {
    using step = capture(device, (x: Tensor) => ops.mul(x, 2));
    const x = leaf(1, 2);
    const y = sum(ops.mul(x, step(Float32Array.of(1, 2))));
    step(Float32Array.of(3, 4));
    expect(refusal(() => backward(y))).toMatchObject(CHANGED);
  });

  test('but a change of another parameter is none', async () => {
    const parameters = weights();
    const y = loss(parameters);
    parameters.get('b').set([0, 0]);
    backward(y);
    expect([...((await parameters.get('a').grad?.data()) ?? [])]).toEqual([2, 4]);
  });
});

test('steps of forward, backward and update go on', async () => {
  const parameters = new Parameters(device, new Map([['w', [2]]]));
  parameters.get('w').set([1, 2]);
  const optimizer = new SGD(parameters);
  const step = (): void => {
    parameters.zeroGrad();
    backward(sum(ops.square(parameters.get('w'))));
    optimizer.step(0.25);
  };
  step();
  step();
  expect([...(await parameters.get('w').data())]).toEqual([0.25, 0.5]);
  using captured = capture(device, step);
  captured();
  captured();
  expect([...(await parameters.get('w').data())]).toEqual([0.0625, 0.125]);
});

test('changes before the op, and without gradients, are none', async () => {
  const x = leaf(1, 2);
  x.set([3, 4]);
  const y = sum(ops.square(x));
  noGrad(() => ops.square(x));
  backward(y);
  expect([...((await x.grad?.data()) ?? [])]).toEqual([6, 8]);
});
