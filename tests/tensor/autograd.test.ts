/** The autograd graph: shared inputs, leaves, scopes without gradients, and refusals. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { add, backward, exp, linear, mul, noGrad, square, sum, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import * as oracle from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { expectSameAsOracle, random } from './againstOracle.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const gradient = async (leaf: Tensor): Promise<ArrayLike<number>> => (await leaf.grad?.data()) ?? [];

describe('graphs', () => {
  test('a tensor used twice by one op, and by several', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([3, 4], 1)],
      gpu: ([x]) => {
        const a = exp(x as Tensor);
        const b = mul(a, a);
        return add(mul(b, x as Tensor), add(a, a));
      },
      oracle: ([x]) => {
        const a = oracle.exp(x as oracle.Array64);
        const b = oracle.mul(a, a);
        return oracle.add(oracle.mul(b, x as oracle.Array64), oracle.add(a, a));
      },
      // exp(2x)·x reaches 60 here, and its gradient 300.
      forward: { rtol: 4e-6 },
      gradient: () => ({ rtol: 4e-6 }),
    });
  });

  test('a weight shared by two layers', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([5, 8], 1), random([8, 8], 2, 0, 0.35)],
      gpu: ([x, weight]) => linear(linear(x as Tensor, weight as Tensor), weight as Tensor),
      oracle: ([x, weight]) => {
        const w = weight as oracle.Array64;
        return oracle.linear(oracle.linear(x as oracle.Array64, w), w);
      },
    });
  });

  test('a long chain', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2, 3, 4]).requireGrad();
    let y: Tensor = x;
    for (let i = 0; i < 3000; i++) y = mul(y, i % 2 === 0 ? 2 : 0.5);
    backward(sum(y));
    expectClose(await gradient(x), [1, 1, 1, 1], { rtol: 0, atol: 0 });
  });

  test('a branch that the loss does not reach has no gradient', async () => {
    using _ = device.scope();
    const [x, unused] = [
      Tensor.from(device, [1, 2]).requireGrad(),
      Tensor.from(device, [3, 4]).requireGrad(),
    ];
    exp(unused);
    backward(sum(square(x)));
    expectClose(await gradient(x), [2, 4]);
    expect(unused.grad).toBeUndefined();
  });
});

describe('leaves', () => {
  test('backward twice adds up', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]).requireGrad();
    const y = sum(square(x));
    backward(y);
    backward(y);
    expectClose(await gradient(x), [4, 8]);
    backward(sum(mul(x, 10)));
    expectClose(await gradient(x), [14, 18]);
  });

  test('only those that require a gradient get one', async () => {
    using _ = device.scope();
    const [x, constant] = [Tensor.from(device, [1, 2]).requireGrad(), Tensor.from(device, [3, 4])];
    const y = mul(x, constant);
    expect([y.requiresGrad, square(constant).requiresGrad]).toEqual([true, false]);
    backward(sum(y));
    expectClose(await gradient(x), [3, 4]);
    expect(constant.grad).toBeUndefined();
  });

  test('detach cuts the graph and shares the values', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]).requireGrad();
    const y = exp(x);
    const cut = y.detach();
    expect([cut.requiresGrad, cut.node, cut.view]).toEqual([false, undefined, y.view]);
    backward(sum(mul(cut, x)));
    expectClose(await gradient(x), [Math.E, Math.E ** 2]);
  });

  test('a gradient given for the output weights it', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]).requireGrad();
    const weights = Tensor.from(device, [10, 100]);
    backward(square(x), weights);
    expectClose(await gradient(x), [20, 400]);
    expectClose(await weights.data(), [10, 100]);
  });
});

describe('noGrad', () => {
  test('records nothing, inside and after an error too', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]).requireGrad();
    const y = noGrad(() => noGrad(() => square(x)));
    expect([y.requiresGrad, y.node]).toEqual([false, undefined]);
    expect(() =>
      noGrad(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(square(x).requiresGrad).toBe(true);
    expectClose(await y.data(), [1, 4]);
  });

  test('its results are constants to what follows', async () => {
    using _ = device.scope();
    const x = Tensor.from(device, [1, 2]).requireGrad();
    backward(
      sum(
        mul(
          x,
          noGrad(() => square(x)),
        ),
      ),
    );
    expectClose(await gradient(x), [1, 4]);
  });
});

test('a gradient is not modified by what it is passed on to', async () => {
  using _ = device.scope();
  // add hands the same gradient to both operands; linear passes it on as its residual's.
  const x = Tensor.from(device, [1, 2, 3, 4], [1, 4]).requireGrad();
  const weight = Tensor.from(device, new Float32Array(16).fill(1), [4, 4]).requireGrad();
  const residual = exp(x);
  const seed = Tensor.from(device, [1, 2, 3, 4], [1, 4]);
  backward(add(linear(x, weight, undefined, { residual }), x), seed);
  expectClose(await seed.data(), [1, 2, 3, 4]);
  expectClose(
    await gradient(x),
    [1, 2, 3, 4].map((g) => 10 + g * Math.exp(g) + g),
    { rtol: 3e-6 },
  );
});

test('a result of many values has no gradient of its own', () => {
  using _ = device.scope();
  const y = square(Tensor.from(device, [1, 2]).requireGrad());
  expect(() => backward(y)).toThrow(/backward: the output has shape \(2\)/);
});
