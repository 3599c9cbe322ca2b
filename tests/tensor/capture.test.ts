/** Captured steps equal the function, to the bit, whatever changes between calls. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  AdamW,
  add,
  backward,
  capture,
  cat,
  gelu,
  layerNorm,
  linear,
  mean,
  mul,
  noGrad,
  Parameters,
  type Scalar,
  square,
  sub,
  sum,
  Tensor,
} from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import { normals } from '../oracle/random.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const bits = (values: ArrayLike<number>): number[] => [...new Uint32Array(Float32Array.from(values).buffer)];

/** Make a two-layer network with its optimiser from a seed. */
function network(seed: number) {
  const parameters = new Parameters(
    device,
    new Map([
      ['weight1', [16, 8]],
      ['bias1', [16]],
      ['scale', [16]],
      ['weight2', [4, 16]],
    ]),
  );
  for (const [i, [, tensor]] of [...parameters.entries()].entries()) {
    tensor.set(normals(seed + i, tensor.size, 0, 0.5));
  }
  const optimizer = new AdamW(parameters, { gradClip: 1, weightDecay: 0.01 });
  const forward = (x: Tensor): Tensor => {
    const hidden = linear(x, parameters.get('weight1'), parameters.get('bias1'), { activation: 'gelu' });
    return linear(layerNorm(hidden, parameters.get('scale')), parameters.get('weight2'));
  };
  const step = (x: Tensor, y: Tensor, lr: Scalar): { loss: Tensor; output: Tensor } => {
    parameters.zeroGrad();
    const output = forward(x);
    const loss = mean(square(sub(output, y)));
    backward(loss);
    optimizer.step(lr);
    return { loss, output };
  };
  return { parameters, optimizer, forward, step };
}

describe('a training step', () => {
  test.each([true, false])('is the same to the bit, eager and captured (replay: %s)', async (replay) => {
    const [eager, captured] = [network(1), network(1)];
    using run = capture(device, captured.step, { replay });
    for (let i = 0; i < 6; i++) {
      using _ = device.scope();
      const rows = i < 4 ? 5 : 3; // another shape, then
      const x = Tensor.from(device, normals(10 + i, rows * 8), [rows, 8]);
      const y = Tensor.from(device, normals(50 + i, rows * 4), [rows, 4]);
      const lr = 0.01 * (i + 1);
      const expected = eager.step(x, y, lr);
      const actual = run(x, y, lr);
      expect(bits(await actual.loss.data())).toEqual(bits(await expected.loss.data()));
      expect(bits(await actual.output.data())).toEqual(bits(await expected.output.data()));
    }
    for (const [name, tensor] of eager.parameters.entries()) {
      expect(bits(await captured.parameters.get(name).data())).toEqual(bits(await tensor.data()));
    }
    expect(captured.optimizer.steps).toBe(6);
    expect(run.captures).toBe(replay ? 2 : 0);
  });

  test('an eager pass between replays sees the weights of the latest one', async () => {
    const [eager, captured] = [network(2), network(2)];
    using run = capture(device, captured.step);
    using evaluate = capture(device, (x: Tensor) => noGrad(() => captured.forward(x)));
    const x = Tensor.from(device, normals(3, 16), [2, 8]);
    const y = Tensor.from(device, normals(4, 8), [2, 4]);
    for (let i = 0; i < 4; i++) {
      using _ = device.scope();
      run(x, y, 0.05);
      eager.step(x, y, 0.05);
      const expected = bits(await noGrad(() => eager.forward(x)).data());
      expect(bits(await evaluate(x).data())).toEqual(expected);
      expect(bits(await noGrad(() => captured.forward(x)).data())).toEqual(expected);
    }
  });

  test('weights changed by hand between replays are seen', async () => {
    const { parameters, forward } = network(3);
    using evaluate = capture(device, (x: Tensor) => noGrad(() => forward(x)));
    const x = Tensor.from(device, normals(3, 16), [2, 8]);
    for (let i = 0; i < 3; i++) {
      using _ = device.scope();
      parameters.get('weight1').set(normals(90 + i, 128));
      expect(bits(await evaluate(x).data())).toEqual(bits(await noGrad(() => forward(x)).data()));
    }
  });

  test('allocates nothing once it is recorded', async () => {
    const { step } = network(4);
    using run = capture(device, step);
    const x = normals(3, 16);
    const shaped = (xs: Float32Array<ArrayBuffer>, shape: number[]) => Tensor.from(device, xs, shape);
    let warm: ReturnType<Device['memory']> | undefined;
    for (let i = 0; i < 50; i++) {
      using _ = device.scope();
      await run(shaped(x, [2, 8]), shaped(normals(i, 8), [2, 4]), 1e-3).loss.item();
      warm ??= device.memory();
    }
    expect(device.memory().created).toBe(warm?.created);
  });
});

describe('what changes', () => {
  test('numbers, arrays and members of objects are inputs', async () => {
    using f = capture(device, ({ x, more }: { x: Tensor; more?: Tensor }, scale: Scalar) => [
      mul(more ? add(x, more) : x, scale),
    ]);
    const values = async ([y]: readonly Tensor[]) => [...((await y?.data()) ?? [])];
    const x = Float32Array.of(3, 4);
    expect(await values(f({ x: Float32Array.of(1, 2) }, 10))).toEqual([10, 20]);
    expect(await values(f({ x }, 100))).toEqual([300, 400]);
    expect(await values(f({ x, more: Float32Array.of(1, 1) }, 2))).toEqual([8, 10]);
    expect(await values(f({ x: Tensor.from(device, [5]) }, 3))).toEqual([15]);
    expect(f.captures).toBe(3);
  });

  test('gradients add up in leaves over replays, as in eager code', async () => {
    const weight = Tensor.from(device, [1, 2]).requireGrad();
    using f = capture(device, (x: Tensor) => backward(sum(mul(weight, x))));
    for (let i = 1; i <= 3; i++) f(Float32Array.of(i, 10 * i));
    expect([...((await weight.grad?.data()) ?? [])]).toEqual([6, 60]);
  });

  test('a leaf made inside starts from 0 in every replay, as in eager code', async () => {
    using f = capture(device, (x: Tensor) => {
      const leaf = mul(x, 2).detach().requireGrad();
      backward(sum(square(leaf)));
      return leaf.grad;
    });
    for (const value of [1, 2, 3]) expect(await f(Float32Array.of(value))?.item()).toBe(4 * value);
  });

  test('weights may be inputs, or be computed inside, without gradients too', async () => {
    const scale = Tensor.from(device, [2, 2, 2, 2], [1, 4]);
    const product = (x: Tensor, weight: Tensor): Tensor => linear(x, weight);
    const scaled = (x: Tensor, weight: Tensor): Tensor => linear(x, mul(weight, scale));
    for (const f of [product, scaled]) {
      const withoutGradients = (x: Tensor, weight: Tensor): Tensor => noGrad(() => f(x, weight));
      using captured = capture(device, withoutGradients);
      const x = Tensor.from(device, [1, 2, 3, 4], [1, 4]);
      for (let i = 0; i < 3; i++) {
        const weight = Tensor.from(device, normals(i, 4), [1, 4]);
        expect(await captured(x, weight).item()).toBe(await f(x, weight).item());
      }
    }
  });

  test('what a step returned may be a weight outside, and change with the next call', async () => {
    using f = capture(device, (x: Tensor) => mul(x, 2));
    const x = Tensor.from(device, [1, 1, 1, 1], [1, 4]);
    for (const value of [1, 2, 3]) {
      const weight = f(Tensor.from(device, [value, 0, 0, 0], [1, 4]));
      expect(await linear(x, weight).item()).toBe(2 * value);
      expect(await noGrad(() => linear(x, weight)).item()).toBe(2 * value);
    }
  });

  test('every call returns tensors of its own, with gradients of their own', async () => {
    using f = capture(device, (x: Tensor) => ({ y: mul(x, 2) }));
    for (const value of [1, 2, 3]) {
      using _ = device.scope();
      const { y } = f(Float32Array.of(value));
      backward(sum(square(y.requireGrad())));
      expect(await y.grad?.item()).toBe(4 * value);
    }
  });

  test('an input that is returned keeps its values, and may be passed on', async () => {
    using swap = capture(device, (a: Tensor, b: Tensor) => [b, a] as const);
    let pair: readonly [Tensor, Tensor] = [Tensor.from(device, [1]), Tensor.from(device, [2])];
    for (let i = 0; i < 4; i++) {
      pair = swap(...pair);
      expect(await Promise.all(pair.map((each) => each.item()))).toEqual(i % 2 === 0 ? [2, 1] : [1, 2]);
    }
    using same = capture(device, (x: Tensor) => x);
    expect(await same(same(Tensor.from(device, [7]))).item()).toBe(7);
  });

  test('a result may be the input of a call of another shape that takes the place of its recording', async () => {
    using double = capture(device, (x: Tensor) => cat([x, x]), { maxRecordings: 1 });
    let x = Tensor.from(device, [1, 2]);
    for (let i = 0; i < 3; i++) x = double(x);
    expect([...(await x.data())]).toEqual(Array.from({ length: 16 }, (_, i) => 1 + (i % 2)));
    expect(double.captures).toBe(3);
  });

  test.each([true, false])('inputs are constants, results have no graph (replay: %s)', async (replay) => {
    const weight = Tensor.from(device, [3]).requireGrad();
    const leaf = Tensor.from(device, [2]).requireGrad();
    using f = capture(
      device,
      (x: Tensor) => {
        const y = mul(weight, x);
        backward(sum(y));
        return y;
      },
      { replay },
    );
    const y = f(leaf);
    expect([y.requiresGrad, y.node, leaf.grad]).toEqual([false, undefined, undefined]);
    expect(await weight.grad?.item()).toBe(2);
  });

  test('sizes of 0 and scalars', async () => {
    using f = capture(device, (x: Tensor, y: Tensor) => ({ x, more: [add(sum(x), y), mul(x, 2)] }));
    for (const value of [1, 2]) {
      const { x, more } = f(new Float32Array(0), Tensor.from(device, [value], []));
      expect([x.shape, more.map(({ shape }) => shape)]).toEqual([[0], [[], [0]]]);
      expect([await x.data(), await more[0]?.item()]).toEqual([new Float32Array(0), value]);
    }
    expect(f.captures).toBe(1);
  });

  test('a number handed on to a captured function inside another changes there too', async () => {
    using inner = capture(device, (x: Tensor, s: Scalar) => mul(x, s));
    using outer = capture(device, (x: Tensor, s: Scalar) => inner(x, s));
    for (const s of [2, 3]) expect(await outer(Float32Array.of(5), s).item()).toBe(5 * s);
    let changing = 4;
    for (; changing < 6; changing++)
      expect(await inner(Float32Array.of(5), () => changing).item()).toBe(5 * changing);
  });

  test('a captured function inside another is a part of it', async () => {
    using inner = capture(device, (x: Tensor) => square(x));
    using outer = capture(device, (x: Tensor) => add(inner(x), 1));
    expect([...(await outer(Float32Array.of(1, 2, 3)).data())]).toEqual([2, 5, 10]);
    expect([...(await outer(Float32Array.of(4, 5, 6)).data())]).toEqual([17, 26, 37]);
    expect(inner.captures).toBe(0);
  });

  test('the least recently used recording goes first', () => {
    using f = capture(device, (x: Tensor) => gelu(x), { maxRecordings: 2 });
    const of = (n: number) => f(new Float32Array(n));
    for (const n of [1, 2, 1, 3]) of(n);
    expect(f.captures).toBe(3);
    of(1);
    expect(f.captures).toBe(3);
    of(2);
    expect(f.captures).toBe(4);
  });
});

describe('misuse', () => {
  test('reading inside is refused, and the device works on', async () => {
    let read: Promise<unknown> | undefined;
    using f = capture(device, (x: Tensor) => {
      read = add(x, 1).data();
      read.catch(() => {});
    });
    f(Float32Array.of(1));
    await expect(read).rejects.toMatchObject({ code: 'NOT_RECORDABLE' });
    using g = capture(device, (x: Tensor) => {
      device.record(() => {});
      return x;
    });
    expect(() => g(Float32Array.of(1))).toThrow(expect.objectContaining({ code: 'NOT_RECORDABLE' }));
    expect([...(await add(Tensor.from(device, [1]), 1).data())]).toEqual([2]);
  });

  test('values in between are not to be had', async () => {
    let between: Tensor | undefined;
    using f = capture(device, (x: Tensor) => {
      between = add(x, 1);
      return mul(between, 2);
    });
    expect([...(await f(Float32Array.of(1)).data())]).toEqual([4]);
    await expect(between?.data()).rejects.toMatchObject({ code: 'USE_AFTER_FREE' });
  });

  test('a replay notices that what it uses was released', () => {
    const scope = device.scope();
    const weight = Tensor.from(device, [1, 2]);
    using f = capture(device, (x: Tensor) => mul(x, weight));
    f(Float32Array.of(1, 2));
    scope[Symbol.dispose]();
    expect(() => f(Float32Array.of(1, 2))).toThrow(expect.objectContaining({ code: 'USE_AFTER_FREE' }));
  });

  test('what is not a tensor is named', () => {
    using f = capture(device, (() => 'text') as unknown as () => Tensor);
    expect(() => f()).toThrow(/returned a string/);
    using g = capture(device, (x: Tensor) => x);
    expect(() => g('text' as unknown as Tensor)).toThrow(/an input is a string/);
    expect(() => g(new Map() as unknown as Tensor)).toThrow(/an input is a Map/);
    expect(() => g(new Float64Array(2) as unknown as Tensor)).toThrow(/an input is a Float64Array/);
    using h = capture(device, (async (x: Tensor) => x) as unknown as (x: Tensor) => Tensor);
    expect(() => h(Float32Array.of(1))).toThrow(/returned a Promise/);
  });
});
