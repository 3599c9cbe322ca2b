/** Functional differentiation: against the reference, nested, in captured steps, and misused. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  add,
  backward,
  capture,
  checkpoint,
  customGradient,
  dropout,
  exp,
  Generator,
  grad,
  layerNorm,
  linear,
  mean,
  mul,
  noGrad,
  Parameters,
  reshape,
  type Scalar,
  sin,
  softmax,
  square,
  sub,
  sum,
  Tensor,
  valueAndGrad,
} from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';
import * as oracle from '../oracle/array.ts';
import { expectClose } from '../oracle/compare.ts';
import { normals } from '../oracle/random.ts';
import { expectFiniteDifferences, expectSameAsOracle, random } from './againstOracle.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const from = (values: readonly number[], shape?: readonly number[]): Tensor =>
  Tensor.from(device, values, shape);
const values = async (tensor: Tensor | undefined): Promise<number[]> => [...((await tensor?.data()) ?? [])];
const firstOf = ([tensor]: readonly Tensor[]): Promise<number[]> => values(tensor);

/** Two layers; `x` (R,8) comes first, as data does. */
const network = (x: Tensor, weight1: Tensor, scale: Tensor, weight2: Tensor): Tensor =>
  softmax(linear(layerNorm(linear(x, weight1, undefined, { activation: 'gelu' }), scale), weight2));
const networkOracle = (
  x: oracle.Array64,
  weight1: oracle.Array64,
  scale: oracle.Array64,
  weight2: oracle.Array64,
): oracle.Array64 =>
  oracle.softmax(oracle.linear(oracle.layerNorm(oracle.gelu(oracle.linear(x, weight1)), scale), weight2));
const networkInputs = (): ReturnType<typeof random>[] => [
  random([5, 8], 1),
  random([12, 8], 2, 0, 0.4),
  random([12], 3, 1, 0.1),
  random([4, 12], 4, 0, 0.4),
];

describe('valueAndGrad and grad', () => {
  test('agree with the reference, by all inputs', async () => {
    const inputs = networkInputs();
    const tensors = inputs.map((input) => Tensor.from(device, input.values, input.shape));
    const references = inputs.map((input) => oracle.array(input.values, input.shape, true));
    const objective = valueAndGrad((...all: readonly Tensor[]) =>
      sum(square(network(...(all as [Tensor, Tensor, Tensor, Tensor])))),
    );
    const { value, gradients } = objective(...tensors);
    const expected = oracle.sum(
      oracle.square(
        networkOracle(...(references as [oracle.Array64, oracle.Array64, oracle.Array64, oracle.Array64])),
      ),
    );
    oracle.backward(expected);
    expectClose(await value.data(), expected.data);
    for (const [i, gradient] of gradients.entries()) {
      expectClose(await gradient.data(), references[i]?.grad ?? [], { label: `gradient ${i}` });
    }
    expect(tensors.some((tensor) => tensor.requiresGrad || tensor.grad)).toBe(false);
    expect([value, ...gradients].some(({ requiresGrad, node }) => requiresGrad || node)).toBe(false);
  });

  test('differentiate by the chosen inputs, in the order chosen', async () => {
    const [a, b, c] = [from([2]), from([3]), from([5])];
    const f = (x: Tensor, y: Tensor, z: Tensor): Tensor => sum(mul(mul(x, y), square(z)));
    const gradients = grad(f, { inputs: [2, 0] })(a, b, c);
    expect(await Promise.all(gradients.map(values))).toEqual([[60], [75]]);
    expect(grad(f, { inputs: [] })(a, b, c)).toEqual([]);
  });

  test('an input that is used twice, passed twice, or not at all', async () => {
    const x = from([3]);
    expect(await firstOf(grad((a: Tensor) => sum(mul(a, a)))(x))).toEqual([6]);
    const both = grad((a: Tensor, b: Tensor) => sum(mul(a, square(b))))(x, x);
    expect(await Promise.all(both.map(values))).toEqual([[9], [18]]);
    const unused = grad((a: Tensor, _: Tensor) => sum(a))(x, from([1, 2]));
    expect(await Promise.all(unused.map(values))).toEqual([[1], [0, 0]]);
    expect(await firstOf(grad((_: Tensor) => from([1], []))(x))).toEqual([0]);
    expect(await firstOf(grad((a: Tensor) => reshape(a, []))(x))).toEqual([1]);
  });

  test('leave the gradients of everything else alone', async () => {
    const parameters = new Parameters(device, new Map([['weight', [1, 4]]]));
    const weight = parameters.get('weight');
    weight.set(Float32Array.of(1, 2, 3, 4));
    (weight.grad as Tensor).set(Float32Array.of(7, 7, 7, 7));
    const leaf = from([1, 1, 1, 1], [1, 4]).requireGrad();
    const f = (x: Tensor): Tensor => sum(linear(mul(x, leaf), weight));
    expect(await firstOf(grad(f)(from([1, 1, 1, 1], [1, 4])))).toEqual([1, 2, 3, 4]);
    expect(await values(weight.grad)).toEqual([7, 7, 7, 7]);
    expect(leaf.grad).toBeUndefined();
    // By a parameter that is an input: its own gradient does not change either.
    const byWeight = grad((w: Tensor) => sum(linear(from([1, 2, 3, 4], [1, 4]), w)))(weight);
    expect(await firstOf(byWeight)).toEqual([1, 2, 3, 4]);
    expect(await values(weight.grad)).toEqual([7, 7, 7, 7]);
  });

  test('work inside noGrad, and inside a backward pass', async () => {
    const x = from([1, 2]);
    const inside = noGrad(() => grad((a: Tensor) => sum(square(a)))(x));
    expect(await firstOf(inside)).toEqual([2, 4]);
    const viaGrad = customGradient({
      name: 'viaGrad',
      forward: (a: Tensor) => square(a),
      backward: (dy, { inputs: [a] }) => grad((z: Tensor) => sum(mul(square(z), dy)))(a),
    });
    expect(await firstOf(grad((a: Tensor) => sum(viaGrad(a)))(x))).toEqual([2, 4]);
  });

  test('an inner gradient of something else is a constant', async () => {
    // d/dx of x·∂(z³)/∂z at z = 2 is 12.
    const outer = grad((x: Tensor) => {
      const [inner] = grad((z: Tensor) => sum(mul(z, square(z))))(from([2]));
      return sum(mul(x, inner as Tensor));
    });
    expect(await firstOf(outer(from([5])))).toEqual([12]);
  });

  test('second derivatives are refused rather than 0', async () => {
    const slope = (x: Tensor): Tensor => sum(grad((z: Tensor) => sum(square(z)))(x)[0] as Tensor);
    expect(() => grad(slope)(from([1, 2]))).toThrow(/differentiated by the same tensors/);
    const closure = (x: Tensor): Tensor =>
      sum(grad((z: Tensor) => sum(mul(z, exp(x))))(from([1, 1]))[0] as Tensor);
    expect(() => grad(closure)(from([1, 2]))).toThrow(/differentiated by the same tensors/);
    const detached = (x: Tensor): Tensor => add(slope(x.detach()), sum(mul(x, 3)));
    expect(await firstOf(grad(detached)(from([1, 2])))).toEqual([3, 3]);
  });

  test('an error in the function leaves no trace', async () => {
    const x = from([1, 2]);
    const failing = grad((a: Tensor) => {
      grad((b: Tensor) => {
        sum(b);
        throw new Error('mine');
      })(from([1]));
      return sum(a);
    });
    expect(() => noGrad(() => failing(x))).toThrow('mine');
    const leaf = from([1, 2]).requireGrad();
    backward(sum(square(leaf)));
    expect(await values(leaf.grad)).toEqual([2, 4]);
    expect(
      await firstOf(grad((a: Tensor) => sum(grad((b: Tensor) => sum(b))(a.detach())[0] as Tensor))(x)),
    ).toEqual([0, 0]);
  });

  test('misuse is named', () => {
    const x = from([1, 2]);
    expect(() => grad((a: Tensor) => sum(a), { inputs: [1] })(x)).toThrow(/grad: input 1 of 1 was chosen/);
    expect(() => grad((a: Tensor) => square(a))(x)).toThrow(/grad: the function returned shape \(2\)/);
    const ids = Tensor.from(device, Uint32Array.of(1));
    expect(() => grad((a: Tensor, _: Tensor) => sum(a))(x, ids)).toThrow(/grad: input 1, u32, of 2/);
  });
});

describe('customGradient', () => {
  /** sin with twice its gradient. */
  const loudSin = customGradient({
    name: 'loudSin',
    forward: (x: Tensor) => sin(x),
    backward: (dy, { inputs: [x] }) => [mul(dy, mul(2, sinSlope(x)))],
  });
  const sinSlope = (x: Tensor): Tensor => sin(add(x, Math.PI / 2));

  test('uses the gradient it was given, and no other', async () => {
    const x = random([3, 4], 1);
    const leaf = Tensor.from(device, x.values, x.shape).requireGrad();
    const y = loudSin(leaf);
    backward(sum(square(y)));
    expectClose(await y.data(), x.values.map(Math.sin));
    const expected = x.values.map((v) => 4 * Math.sin(v) * Math.cos(v));
    expectClose(await values(leaf.grad), expected);
  });

  test('agrees with finite differences where it is right', async () => {
    const product = customGradient({
      name: 'product',
      forward: (a: Tensor, b: Tensor) => mul(a, b),
      backward: (dy, { inputs: [a, b] }) => [mul(dy, b), mul(dy, a)],
    });
    await expectFiniteDifferences(device, ([a, b]) => exp(product(a as Tensor, b as Tensor)), [
      random([2, 3], 1, 0, 0.5),
      random([2, 3], 2, 0, 0.5),
    ]);
  });

  test('is handed its own result, and may leave gradients out', async () => {
    const [a, b] = [from([1, 2]).requireGrad(), from([3, 4]).requireGrad()];
    const f = customGradient({
      name: 'expOfFirst',
      forward: (x: Tensor, _: Tensor) => exp(x),
      backward: (dy, { y }) => [mul(dy, y)],
    });
    backward(sum(f(a, b)));
    expectClose(await values(a.grad), [Math.E, Math.E ** 2]);
    expect(b.grad).toBeUndefined();
  });

  test('an input may be its result', async () => {
    const reversed = customGradient({
      name: 'reversed',
      forward: (x: Tensor) => x,
      backward: (dy) => [mul(dy, -1)],
    });
    const x = from([1, 2]).requireGrad();
    backward(sum(square(reversed(x))));
    expect(await values(x.grad)).toEqual([-2, -4]);
    expect(x.node).toBeUndefined();
  });

  test('a gradient of the wrong shape is refused by name', () => {
    const wrong = customGradient({
      name: 'wrong',
      forward: (x: Tensor, y: Tensor) => mul(x, sum(y)),
      backward: (dy) => [dy, dy],
    });
    const y = wrong(from([1, 2]).requireGrad(), from([1, 2, 3]).requireGrad());
    expect(() => backward(sum(y))).toThrow(/wrong: the gradient of input 1 has shape \(2\), the input \(3\)/);
    // The failed pass has not left gradients switched off.
    expect(square(from([1]).requireGrad()).requiresGrad).toBe(true);
  });
});

describe('checkpoint', () => {
  test('agrees with the reference, whichever inputs need gradients', async () => {
    for (const constants of [[], [0], [1, 2], [0, 1, 3]]) {
      await expectSameAsOracle(device, {
        inputs: networkInputs().map((input, i) => ({ ...input, constant: constants.includes(i) })),
        gpu: (inputs) => checkpoint(network, inputs as [Tensor, Tensor, Tensor, Tensor]),
        oracle: (inputs) =>
          networkOracle(...(inputs as [oracle.Array64, oracle.Array64, oracle.Array64, oracle.Array64])),
      });
    }
  });

  test('in one another and in a row, with inputs that have graphs', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([6], 1, 0, 0.5), random([6], 2)],
      gpu: ([x, w]) => {
        const inner = (a: Tensor, b: Tensor): Tensor => mul(sin(a), b);
        const outer = (a: Tensor, b: Tensor): Tensor => square(checkpoint(inner, [exp(a), b]));
        const h = checkpoint(outer, [mul(x as Tensor, 2), w as Tensor]);
        return add(checkpoint(outer, [h, w as Tensor]), h);
      },
      oracle: ([x, w]) => {
        const outer = (a: oracle.Array64, b: oracle.Array64): oracle.Array64 =>
          oracle.square(oracle.mul(oracle.sin(oracle.exp(a)), b));
        const h = outer(oracle.mul(x as oracle.Array64, 2), w as oracle.Array64);
        return oracle.add(outer(h, w as oracle.Array64), h);
      },
      forward: { rtol: 1e-5 },
      gradient: () => ({ rtol: 1e-4, atol: 1e-4 }),
    });
  });

  test('gives parameters that the function only refers to their gradients', async () => {
    const parameters = new Parameters(device, new Map([['weight', [2, 4]]]));
    const weight = parameters.get('weight');
    weight.set(normals(1, 8));
    const x = from([1, 2, 3, 4], [1, 4]);
    const scale = exp(weight); // not a leaf
    const f = (a: Tensor): Tensor => linear(a, mul(weight, scale));
    backward(sum(square(f(x))));
    const expected = await values(weight.grad);
    parameters.zeroGrad();
    backward(sum(square(checkpoint(f, [x]))));
    expectClose(await values(weight.grad), expected, { rtol: 1e-5 });
    const byInput = valueAndGrad((a: Tensor) => sum(square(checkpoint(f, [a]))))(x);
    const plain = valueAndGrad((a: Tensor) => sum(square(f(a))))(x);
    expect(await firstOf(byInput.gradients)).toEqual(await firstOf(plain.gradients));
    expectClose(await values(weight.grad), expected, { rtol: 1e-5 });
  });

  test('draws the same random numbers both times, and nobody else’s change', async () => {
    const run = (through: boolean) => {
      const generator = new Generator(7);
      const f = (a: Tensor): Tensor => dropout(exp(dropout(a, 0.5, { generator })), 0.3, { generator });
      const leaf = Tensor.from(device, normals(3, 64)).requireGrad();
      const y = through ? checkpoint(f, [leaf], { generators: [generator] }) : f(leaf);
      const after = dropout(y, 0.5, { generator }); // drawn between the two runs
      backward(sum(square(after)));
      return Promise.all([values(after), values(leaf.grad), Promise.resolve(generator.state())]);
    };
    expect(await run(true)).toEqual(await run(false));
  });

  test('a generator continues where it was although the second run fails', () => {
    const generator = new Generator(1);
    let runs = 0;
    const f = (a: Tensor): Tensor => {
      const y = dropout(a, 0.5, { generator });
      if (runs++ > 0) throw new Error('mine');
      return y;
    };
    const y = sum(checkpoint(f, [from([1, 2]).requireGrad()], { generators: [generator] }));
    dropout(from([1]), 0.5, { generator });
    expect(() => backward(y)).toThrow('mine');
    expect(generator.state().offset).toBe(2);
  });

  test('what is allocated after a failed run belongs to the scope around it', () => {
    const before = device.memory().liveBuffers;
    {
      using _ = device.scope();
      const failing = (a: Tensor): Tensor => {
        exp(a);
        throw new Error('mine');
      };
      expect(() => checkpoint(failing, [from([1, 2])])).toThrow('mine');
      from([3]);
    }
    expect(device.memory().liveBuffers).toBe(before);
  });

  test('keeps only its result', () => {
    using _ = device.scope();
    const x = Tensor.from(device, normals(1, 1000)).requireGrad();
    const f = (a: Tensor): Tensor => {
      let y = a;
      for (let i = 0; i < 20; i++) y = sin(y);
      return y;
    };
    const before = device.memory().liveBuffers;
    const y = checkpoint(f, [x]);
    expect(device.memory().liveBuffers).toBe(before + 1);
    expect(checkpoint((a: Tensor) => a, [y]).view).toBe(y.view);
    expect(checkpoint(f, [x.detach()]).requiresGrad).toBe(false);
    expect(noGrad(() => checkpoint(f, [x])).requiresGrad).toBe(false);
    expect(() => checkpoint(() => y, [])).toThrow(/checkpoint: there are no inputs/);
  });
});

describe('in captured steps', () => {
  test('gradients and values follow the inputs and the parameters', async () => {
    const parameters = new Parameters(device, new Map([['weight', [3, 4]]]));
    const weight = parameters.get('weight');
    const loss = (w: Tensor, x: Tensor, y: Tensor): Tensor => mean(square(sub(linear(x, w), y)));
    const step = (x: Tensor, y: Tensor) => valueAndGrad(loss, { inputs: [0, 1] })(weight, x, y);
    using captured = capture(device, step);
    for (let i = 0; i < 3; i++) {
      weight.set(normals(i, 12));
      const [x, y] = [
        Tensor.from(device, normals(10 + i, 8), [2, 4]),
        Tensor.from(device, normals(20 + i, 6), [2, 3]),
      ];
      const [eager, replayed] = [step(x, y), captured(x, y)];
      expect(await values(replayed.value)).toEqual(await values(eager.value));
      for (const [j, gradient] of eager.gradients.entries()) {
        expect(await values(replayed.gradients[j])).toEqual(await values(gradient));
      }
    }
    expect(captured.captures).toBe(1);
  });

  test('checkpoints draw the numbers that an eager step draws, anew in every replay', async () => {
    const make = () => {
      const generator = new Generator(3);
      const leaf = Tensor.from(device, normals(5, 40)).requireGrad();
      const f = (a: Tensor): Tensor => square(dropout(a, 0.5, { generator }));
      const step = (x: Tensor, s: Scalar) => {
        const y = checkpoint(f, [mul(x, leaf)], { generators: [generator] });
        const [gradient] = grad((z: Tensor) => sum(mul(checkpoint(f, [z], { generators: [generator] }), s)))(
          x,
        );
        backward(sum(dropout(y, 0.2, { generator })));
        return { y, gradient: gradient as Tensor };
      };
      return { generator, leaf, step };
    };
    const [eager, replayed] = [make(), make()];
    using captured = capture(device, replayed.step);
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const x = Tensor.from(device, normals(30 + i, 40));
      const [a, b] = [eager.step(x, i), captured(x, i)];
      expect(await values(b.y)).toEqual(await values(a.y));
      expect(await values(b.gradient)).toEqual(await values(a.gradient));
      expect(await values(replayed.leaf.grad)).toEqual(await values(eager.leaf.grad));
      expect(replayed.generator.state()).toEqual(eager.generator.state());
      seen.add(String((await values(b.y)).map((value) => value === 0)));
    }
    expect(seen.size).toBe(4);
  });

  test('ops of one’s own', async () => {
    const straightThrough = customGradient({
      name: 'straightThrough',
      forward: (x: Tensor) => mul(x, 0),
      backward: (dy) => [dy],
    });
    using f = capture(device, (x: Tensor) => grad((a: Tensor) => sum(mul(add(straightThrough(a), 1), x)))(x));
    for (const value of [1, 2, 3]) expect(await firstOf(f(Float32Array.of(value)))).toEqual([value]);
  });
});
