/** Random tensors: every value against the host's generator; extremes, certain events, and refusals. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { defineKernel } from '../../../src/gpu/kernel.ts';
import { DISTRIBUTIONS_WGSL, PHILOX_WGSL } from '../../../src/kernels/philox.ts';
import {
  backward,
  bernoulli,
  Generator,
  multinomial,
  rand,
  randint,
  randn,
  randperm,
  type Shape,
  sum,
  Tensor,
  uniform,
} from '../../../src/tensor/index.ts';
import { philox4x32 } from '../../base/philox4x32.ts';
import { openDevice, randomCases, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { integers, seeded, shapes } from '../../oracle/random.ts';
import type { Computation, Operand } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

/** Return the words of the host's generator for value `place` of a draw, and the value's position among them. */
function wordsAt(seed: number, offset: number, place: number): [readonly number[], number] {
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] as const;
  return [philox4x32([Math.floor(place / 4), offset, 0, 0x9e4d], key), place % 4];
}

type Source = (place: number) => number;
interface Words {
  readonly word: Source;
  /** On (0, 1): 23 bits and a half, or 32 and a half. */
  readonly coarse: Source;
  readonly fine: Source;
  readonly normal: Source;
}

function hostDraw(seed: number, offset: number): Words {
  const word: Source = (place) => {
    const [words, at] = wordsAt(seed, offset, place);
    return words[at] ?? Number.NaN;
  };
  const coarse: Source = (place) => ((word(place) >>> 9) + 0.5) * 2 ** -23;
  const fine: Source = (place) => (word(place) + 0.5) * 2 ** -32;
  const normal: Source = (place) => {
    const even = place - (place % 2);
    const angle = 2 * Math.PI * (coarse(even + 1) - 0.5);
    return Math.sqrt(-2 * Math.log(fine(even))) * (place === even ? Math.cos(angle) : Math.sin(angle));
  };
  return { word, coarse, fine, normal };
}

const states = fc.record({
  seed: fc.oneof(fc.nat(), fc.maxSafeNat()),
  offset: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 2 ** 32 - 2 })),
});

function generatorAt(state: { readonly seed: number; readonly offset: number }): Generator {
  const generator = new Generator(0);
  generator.restore(state);
  return generator;
}

/** Compare draws of a shape with the host's. The battery gets the device from an input. */
const drawing = (
  gpu: (device: Device, shape: Shape, generator: Generator) => Tensor,
  host: (draw: Words) => Source,
): fc.Arbitrary<Computation> =>
  fc.tuple(shapes({ maxElements: 1500 }), states).map(([shape, state]) => ({
    inputs: [{ values: Uint32Array.of(0), shape: [1] }],
    gpu: ([x]) => gpu((x as Tensor).device, shape, generatorAt(state)),
    oracle: () => {
      const value = host(hostDraw(state.seed, state.offset));
      return oracle.array(
        Float64Array.from({ length: oracle.sizeOf(shape) }, (_unused, i) => value(i)),
        shape,
      );
    },
    // The device's own logarithm.
    forward: { atol: 5e-5 },
  }));

/** Return small integers as weights, so that sums are exact. Every row has some above 0. */
function weights(shape: Shape, seed: number): Operand & { readonly values: Float32Array<ArrayBuffer> } {
  const width = shape.at(-1) ?? 1;
  const values = Float32Array.from(integers(seed, oracle.sizeOf(shape), 4));
  for (let i = 0; i < values.length; i += width) values[i] = 3;
  return { values, shape, constant: true };
}

const rowsOfWeights = fc.tuple(shapes({ minRank: 1, maxRank: 3, maxElements: 1500 }), states, fc.nat());

const withReplacement = rowsOfWeights
  .filter(([shape]) => shape.at(-1) !== 0)
  .chain((drawn) => fc.nat({ max: 40 }).map((count) => [drawn, count] as const))
  .map(([[shape, state, seed], count]): Computation => {
    const width = shape.at(-1) ?? 1;
    const outer = shape.slice(0, -1);
    const operand = weights(shape, seed);
    const { coarse } = hostDraw(state.seed, state.offset);
    const pick = (place: number): number => {
      const first = Math.floor(place / count) * width;
      const row = operand.values.subarray(first, first + width);
      const level = Math.fround(coarse(place) * row.reduce((a, b) => a + b, 0));
      let total = 0;
      return row.findIndex((weight) => {
        total += weight;
        return total > level;
      });
    };
    return {
      inputs: [operand],
      gpu: ([p]) => multinomial(p as Tensor, count, { generator: generatorAt(state), replacement: true }),
      oracle: () => {
        const picks = Array.from({ length: oracle.sizeOf(outer) * count }, (_unused, i) => pick(i));
        return oracle.array(picks, [...outer, count]);
      },
    };
  });

describeOps('Random numbers', [
  {
    name: 'rand',
    dtypes: 'f32',
    cases: drawing(
      (device, shape, generator) => rand(device, shape, { generator }),
      ({ coarse }) => coarse,
    ),
  },
  {
    name: 'randn',
    dtypes: 'f32',
    cases: drawing(
      (device, shape, generator) => randn(device, shape, { generator }),
      ({ normal }) => normal,
    ),
  },
  {
    name: 'uniform',
    dtypes: 'f32',
    cases: drawing(
      (device, shape, generator) => uniform(device, shape, -3, () => 2, { generator }),
      ({ coarse }) =>
        (i) =>
          5 * coarse(i) - 3,
    ),
  },
  {
    name: 'randint',
    dtypes: 'i32, u32',
    cases: drawing(
      (device, shape, generator) => randint(device, shape, -7, 1000, { generator }),
      ({ word }) =>
        (i) =>
          Math.floor((word(i) * 1007) / 2 ** 32) - 7,
    ),
  },
  {
    name: 'bernoulli',
    dtypes: 'f32',
    cases: drawing(
      (device, shape, generator) => bernoulli(device, shape, 0.3, { generator }),
      ({ coarse }) =>
        (i) =>
          Number(coarse(i) < Math.fround(0.3)),
    ),
  },
  { name: 'multinomial', dtypes: 'f32', cases: withReplacement },
  {
    name: 'randperm',
    dtypes: 'u32',
    cases: fc.tuple(fc.nat({ max: 300 }), states).map(
      ([n, state]): Computation => ({
        inputs: [{ values: Uint32Array.of(0), shape: [1] }],
        gpu: ([x]) => randperm((x as Tensor).device, n, { generator: generatorAt(state) }),
        oracle: () => {
          const { word } = hostDraw(state.seed, state.offset);
          return oracle.array(Array.from({ length: n }, (_unused, i) => i).sort((a, b) => word(a) - word(b)));
        },
      }),
    ),
  },
]);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  const listed = async (x: Tensor) => [...(await x.data())];

  test('the extremes of the words make finite numbers', async () => {
    using _ = device.scope();
    const kernel = defineKernel({
      name: 'distributions test',
      params: {},
      reads: { words: 'array<vec4u>' },
      writes: { out: 'array<vec4f>' },
      code: `${PHILOX_WGSL}${DISTRIBUTIONS_WGSL}
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) at: vec3u) {
  let unused = philox(words[at.x], vec2u());
  out[at.x * 2] = normal4(words[at.x]);
  out[at.x * 2 + 1] = exponential4(words[at.x]);
}`,
    });
    const most = 2 ** 32 - 1;
    const words = [0, 0, most, most, most, 0, 0, most, 5e7, 1e7, 2 ** 31, 4.2e9];
    const [input, out] = [device.allocate(48), device.allocate(96)];
    device.upload(input, Uint32Array.from(words));
    device.launch(kernel, { words: input, out }, {}, [3]);
    const values = [...new Float32Array(await device.read(out), 0, 24)];
    expect(values.every(Number.isFinite)).toBe(true);
    const tail = Math.sqrt(-2 * Math.log(2 ** -33));
    expectClose(values.slice(0, 4).map(Math.abs), [tail, 0, 0, 0], { atol: 2e-3 });
    const u = words.map((word) => Math.min((word + 0.5) / 2 ** 32, 1 - 2 ** -24));
    const wanted = u.map((x) => -Math.log1p(-x));
    const exponentials = [...values.slice(4, 8), ...values.slice(12, 16), ...values.slice(20, 24)];
    expectClose(exponentials, wanted, { rtol: 1e-4, atol: 0 });
  });

  test('certain and impossible events', async () => {
    using _ = device.scope();
    const generator = new Generator(2);
    const p = Tensor.from(device, [0, 1, 0, 1, 0]);
    for (let i = 0; i < 20; i++) expect(await listed(bernoulli(p, { generator }))).toEqual([0, 1, 0, 1, 0]);
    const some = Float32Array.from({ length: 1000 }, (_unused, i) => (i % 256 === 255 ? 1e-3 : 0));
    const row = Tensor.from(device, some);
    for (const place of await listed(multinomial(row, 500, { generator, replacement: true }))) {
      expect(place % 256).toBe(255);
    }
    expect((await listed(multinomial(row, 3, { generator }))).sort((x, y) => x - y)).toEqual([255, 511, 767]);
    expect(multinomial(Tensor.zeros(device, [0, 3]), 2, { generator }).shape).toEqual([0, 2]);
    expect(multinomial(row, 0, { generator, replacement: true }).shape).toEqual([0]);
    const wide = await listed(randint(device, [1000], 0, 2 ** 32 - 1, { generator, dtype: 'u32' }));
    expect(Math.max(...wide)).toBeGreaterThan(2 ** 32 * 0.99);
    const signed = await listed(randint(device, [1000], -(2 ** 31), 2 ** 31 - 1, { generator }));
    expect(Math.min(...signed)).toBeLessThan(-(2 ** 31) * 0.98);
  });

  test('draws without replacement are different places, in the order of the perturbed logarithms', async () => {
    using _ = device.scope();
    const property = fc.asyncProperty(rowsOfWeights, fc.nat(), async ([shape, state, seed], n) => {
      const width = shape.at(-1) ?? 1;
      if (width === 0) return;
      // As many as there are weights above 0 in the poorest row; the first one always is.
      const operand = weights(shape, seed);
      const p = Tensor.from(device, operand.values, shape);
      const rich = Array.from(
        { length: oracle.sizeOf(shape) / width },
        (_unused, row) => operand.values.slice(row * width, (row + 1) * width).filter(Boolean).length,
      );
      const count = 1 + (n % Math.min(...rich, width));
      const picks = await listed(multinomial(p, count, { generator: generatorAt(state) }));
      const { fine } = hostDraw(state.seed, state.offset);
      rich.forEach((_positive, row) => {
        const keys = Array.from({ length: width }, (_unused, i) => {
          const u = Math.min(fine(row * width + i), 1 - 2 ** -24);
          return Math.log(operand.values[row * width + i] ?? 0) - Math.log(-Math.log1p(-u));
        });
        const order = keys.map((_key, i) => i).sort((a, b) => (keys[b] ?? 0) - (keys[a] ?? 0));
        expect(picks.slice(row * count, (row + 1) * count)).toEqual(order.slice(0, count));
      });
    });
    await fc.assert(property, { ...seeded, numRuns: randomCases(12) });
  });

  test('leaves with gradients', async () => {
    const x = randn(device, [3], { generator: new Generator(1), requiresGrad: true });
    backward(sum(x));
    expect(await x.grad?.data()).toEqual(Float32Array.of(1, 1, 1));
  });

  test('what is refused', () => {
    using _ = device.scope();
    const generator = new Generator(1);
    const options = { generator };
    const p = Tensor.zeros(device, [2, 3]);
    expect(() => multinomial(p, 4, options)).toThrow(/multinomial: 4 draws without replacement .* \(2,3\)/);
    expect(() => multinomial(Tensor.zeros(device, [2, 0]), 1, { generator, replacement: true })).toThrow(
      /\(2,0\)/,
    );
    expect(() => bernoulli(Tensor.zeros(device, [2], 'i32'), options)).toThrow(/bernoulli: .* dtype i32/);
    for (const [low, high] of [
      [3, 3],
      [0, 2 ** 31 + 1],
      [0.5, 2],
    ] as const) {
      expect(() => randint(device, [1], low, high, options)).toThrow(
        /randint: .* is no range of i32 integers/,
      );
    }
    expect(() => randint(device, [1], -1, 2, { generator, dtype: 'u32' })).toThrow(/u32/);
    expect(generator.state().offset).toBe(0);
  });
});
