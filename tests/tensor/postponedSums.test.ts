/** Gradients of weights are added together at the end of a backward pass; whoever looks earlier sees complete values. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { postponeSums } from '../../src/kernels/addParts.ts';
import { matmulOuter, outerPartBytes } from '../../src/kernels/matmulOuter/index.ts';
import { differentiable } from '../../src/tensor/autograd.ts';
import {
  add,
  backward,
  capture,
  checkpoint,
  embedding,
  gelu,
  layerNorm,
  linear,
  mul,
  Parameters,
  sum,
  Tensor,
} from '../../src/tensor/index.ts';
import { copyValues } from '../../src/tensor/tensor.ts';
import { isInterpreted, openDevice, randomCases } from '../device.ts';
import { normals } from '../oracle/random.ts';

let device: Device;
let profiled: Device;
beforeAll(async () => {
  device = await openDevice();
  profiled = await openDevice({ profile: true });
});
afterAll(() => {
  device.destroy();
  profiled.destroy();
});

const WIDTH = 8;
const SHAPES = new Map([
  ['a', [WIDTH, WIDTH]],
  ['b', [WIDTH, WIDTH]],
  ['bias', [WIDTH]],
  ['scale', [WIDTH]],
  ['shift', [WIDTH]],
  ['table', [5, WIDTH]],
] as const);
const NAMES = [...SHAPES.keys()];

/** A layer of a random graph, of x (R, WIDTH). */
const LAYERS = {
  linear: (x: Tensor, of: Parameters) => linear(x, of.get('a'), of.get('bias')),
  /** Through an op that adds its gradient to the leaf's by itself. */
  product: (x: Tensor, of: Parameters) => linear(x, mul(of.get('b'), of.get('a'))),
  narrow: (x: Tensor, of: Parameters) => linear(x, of.get('b'), undefined, { activation: 'gelu' }),
  norm: (x: Tensor, of: Parameters) => layerNorm(x, of.get('scale'), of.get('shift')),
  shift: (x: Tensor, of: Parameters) => add(x, of.get('bias')),
  embedding: (x: Tensor, of: Parameters) => {
    const ids = Uint32Array.from({ length: x.shape[0] ?? 0 }, (_, i) => (i * 7) % 5);
    return add(x, embedding(Tensor.from(x.device, ids), of.get('table')));
  },
  checkpoint: (x: Tensor, of: Parameters) =>
    checkpoint((y: Tensor) => linear(y, of.get('a'), of.get('bias')), [x]),
} as const satisfies Record<string, (x: Tensor, of: Parameters) => Tensor>;
type Layer = keyof typeof LAYERS | 'look';

function parametersOn(on: Device): Parameters {
  const parameters = new Parameters(on, SHAPES);
  for (const [i, name] of NAMES.entries()) {
    const tensor = parameters.get(name);
    tensor.set(normals(i, tensor.size, 0, 0.5));
  }
  return parameters;
}

/** Apply layers. At each `look`, the backward pass copies the gradients so far to `seen`. */
function apply(layers: readonly Layer[], x: Tensor, parameters: Parameters, seen: Tensor[][] = []): Tensor {
  let y = x;
  for (const layer of layers) {
    if (layer !== 'look') y = LAYERS[layer](y, parameters);
    else {
      const input = y;
      y = new Tensor(x.device, input.view, input.shape);
      differentiable('look', [input], y, (dy) => {
        const copies = NAMES.map((name) => {
          const { grad } = parameters.get(name);
          const copy = Tensor.empty(x.device, SHAPES.get(name) ?? []);
          // It is no value of the graph, which must not change.
          if (grad) x.device.watchReads(undefined, () => copyValues(grad, copy));
          return copy;
        });
        seen.push(copies);
        return [dy];
      });
    }
  }
  return y;
}

const gradientsOf = (parameters: Parameters): Promise<unknown[]> =>
  Promise.all(NAMES.map(async (name) => [...((await parameters.get(name).grad?.data()) ?? [])]));
const valuesOf = (tensors: readonly Tensor[]): Promise<unknown[]> =>
  Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]));

const input = (on: Device, R: number): Tensor => Tensor.from(on, normals(9, R * WIDTH), [R, WIDTH]);

describe.each([
  { mode: 'eager', replay: false },
  { mode: 'captured', replay: true },
])('$mode', ({ replay }) => {
  test('gradients have the bits that they have if somebody looks at them after every op', async () => {
    const layer = fc.constantFrom<Layer>(...(Object.keys(LAYERS) as Layer[]), 'look');
    const rows = fc.constantFrom(...(isInterpreted ? [3, 20] : [3, 511, 1100, 2600]));
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 7 }), rows, async (layers, R) => {
        using _ = device.scope();
        const parameters = parametersOn(device);
        const x = input(device, R);
        const seen: Tensor[][] = [];
        const run = (form: readonly Layer[], watched: Tensor[][]) => {
          using step = capture(
            device,
            (values: Tensor) => {
              parameters.zeroGrad();
              watched.length = 0;
              backward(sum(apply(form, values.requireGrad(), parameters, watched)));
              return watched;
            },
            { replay },
          );
          const found = step(x);
          watched.splice(0, watched.length, ...found);
          return Promise.all([gradientsOf(parameters), ...found.map(valuesOf)]);
        };
        const [together, ...looks] = await run(layers, seen);
        const [apart] = await run(
          layers.flatMap((each) => [each, 'look' as const]),
          [],
        );
        expect(together).toEqual(apart);
        // What was seen at a look are the gradients of the layers after it.
        for (const [i, look] of looks.entries()) {
          const at = layers.flatMap((each, index) => (each === 'look' ? [index] : [])).at(-1 - i) ?? 0;
          const start = apply(layers.slice(0, at), x, parameters).detach().requireGrad();
          parameters.zeroGrad();
          backward(sum(apply(layers.slice(at + 1), start, parameters)));
          expect(look).toEqual(await gradientsOf(parameters));
        }
        parameters.dispose();
      }),
      { numRuns: randomCases(isInterpreted ? 6 : 12) },
    );
  });
});

const LAYERS_OF_MANY: readonly Layer[] = ['linear', 'norm', 'narrow', 'embedding'];

async function additions(on: Device, layers: readonly Layer[], R: number): Promise<number> {
  using _ = on.scope();
  const parameters = parametersOn(on);
  const x = input(on, R);
  const loss = sum(apply(layers, x, parameters));
  const before = (await on.profile()).length;
  backward(loss);
  const kernels = (await on.profile()).slice(before).map(({ kernel }) => kernel);
  parameters.dispose();
  return kernels.filter((kernel) => kernel.startsWith('add parts')).length;
}

test('one dispatch adds everything, and more do only for values that are added to twice', async () => {
  const R = isInterpreted ? 20 : 1100;
  expect(await additions(profiled, LAYERS_OF_MANY, R)).toBe(1);
  expect(await additions(profiled, ['linear', 'norm', 'linear'], R)).toBe(2);
});

test('with little room, sums are added earlier, to the same bits', async () => {
  const R = isInterpreted ? 40 : 1300;
  const sizes = [
    { M: 8, N: 12 },
    { M: 6, N: 4 },
    { M: 57, N: 8 },
    { M: 16, N: 16 },
  ];
  const bytes = sizes.map((size) => outerPartBytes(profiled, { R, ...size }));
  const run = async (room: readonly number[]) => {
    using _ = profiled.scope();
    const before = (await profiled.profile()).length;
    const sums = sizes.map(
      ({ M, N }) => [Tensor.zeros(profiled, [M, N]), Tensor.zeros(profiled, [M])] as const,
    );
    const products = (): void => {
      for (const [i, { M, N }] of sizes.entries()) {
        const [c, columnSums] = sums[i] ?? [];
        if (!c || !columnSums) continue;
        const [a, b] = [M, N].map(
          (width) => Tensor.from(profiled, normals(width, R * width), [R, width]).view,
        );
        if (a && b) matmulOuter(profiled, { a, b, c: c.view, columnSums: columnSums.view, R, M, N });
      }
    };
    postponeSums(profiled, room, products);
    const values = await valuesOf(sums.flat());
    const kernels = (await profiled.profile()).slice(before).map(({ kernel }) => kernel);
    const count = (name: string): number => kernels.filter((kernel) => kernel === name).length;
    return { values, alone: count('add parts'), together: count('add parts of all') };
  };
  const largest = Math.max(...bytes);
  const [without, little, all] = [await run([]), await run([largest]), await run(bytes)];
  expect(little.values).toEqual(without.values);
  expect(all.values).toEqual(without.values);
  expect([without.alone, without.together]).toEqual([4, 0]);
  // Here each sum and its column sums lie in buffers of their own.
  expect([little.alone, little.together]).toEqual([0, 8]);
  expect([all.alone, all.together]).toEqual([0, 8]);
});

test('a backward pass that throws leaves no sums for the next one', async () => {
  using _ = device.scope();
  const parameters = parametersOn(device);
  const x = input(device, 40);
  const broken = new Tensor(device, x.view, x.shape);
  const fail = x.detach().requireGrad();
  differentiable('broken', [fail], broken, () => {
    throw new Error('broken');
  });
  expect(() => backward(sum(apply(LAYERS_OF_MANY, broken, parameters)))).toThrow('broken');
  parameters.zeroGrad();
  backward(sum(apply(LAYERS_OF_MANY, x, parameters)));
  const found = await gradientsOf(parameters);
  parameters.zeroGrad();
  backward(sum(apply(LAYERS_OF_MANY, x, parameters)));
  expect(await gradientsOf(parameters)).toEqual(found);
  parameters.dispose();
});

test('a value that goes through GELU and elsewhere too has the gradient of both', async () => {
  using _ = device.scope();
  const parameters = parametersOn(device);
  const x = input(device, 12).requireGrad();
  const w = parameters.get('a');
  const course = (fused: boolean): Tensor => {
    const hidden = fused ? linear(x, w, undefined, { activation: 'gelu' }) : gelu(linear(x, w));
    return add(
      add(sum(linear(hidden, parameters.get('b'))), sum(mul(hidden, hidden))),
      sum(linear(hidden, w)),
    );
  };
  const found: number[][] = [];
  for (const fused of [true, false]) {
    parameters.zeroGrad();
    x.grad = undefined;
    backward(course(fused));
    const gradients = [x.grad, w.grad].map((gradient) => gradient as Tensor | undefined);
    found.push((await Promise.all(gradients.map(async (each) => [...((await each?.data()) ?? [])]))).flat());
  }
  const [fused = [], composed = []] = found;
  expect(fused.length).toBe(12 * WIDTH + WIDTH * WIDTH);
  for (const [i, value] of fused.entries())
    expect(Math.abs(value - (composed[i] ?? 0))).toBeLessThan(1e-4 * (1 + Math.abs(composed[i] ?? 0)));
  parameters.dispose();
});
