/**
 * Random tensors: every value against the host's generator, then whether they have the distributions they should, do
 * not repeat or depend on each other, and come again when they should.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { defineKernel } from '../../../src/gpu/kernel.ts';
import { DISTRIBUTIONS_WGSL, PHILOX_WGSL } from '../../../src/kernels/philox.ts';
import { philox4x32 } from '../../../src/math/philox.ts';
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
import { openDevice, VARIANTS } from '../../device.ts';
import { chiSquareExcess, uniform as equalShares, shareExcess } from '../../math/chiSquare.ts';
import * as oracle from '../../oracle/array.ts';
import { expectClose } from '../../oracle/compare.ts';
import { integers, seeded, shapes } from '../../oracle/random.ts';
import { erf } from '../../oracle/special.ts';
import type { Computation, Operand } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

/** The words that the host's generator gives value `place` of a draw, and its place among them. */
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

/** Draws of a shape against the host's; the battery knows the device from an input. */
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
    // The device's own logarithm, sine and cosine.
    forward: { atol: 5e-5 },
  }));

/** Small whole numbers as probabilities, so that sums are exact; every row has some above 0. */
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

/** √n times the largest distance of the empirical distribution from `cdf` (Kolmogorov, Smirnov). */
function kolmogorovSmirnov(values: Float32Array, cdf: (x: number) => number): number {
  const n = values.length;
  const sorted = values.slice().sort();
  const distances = Array.from(sorted, (x, i) => Math.max((i + 1) / n - cdf(x), cdf(x) - i / n));
  return Math.sqrt(n) * distances.reduce((a, b) => Math.max(a, b));
}
/** The 99.9 % point of that. */
const KS_CRITICAL = 1.95;

function moments(values: Float32Array): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((a, x) => a + (x - mean) ** 2, 0) / values.length };
}

/** Correlation of equally long rows of numbers, in units of its standard deviation if they are independent. */
function correlation(a: Float32Array, b: Float32Array): number {
  const [x, y] = [moments(a), moments(b)];
  const covariance = a.reduce((total, value, i) => total + (value - x.mean) * ((b[i] ?? 0) - y.mean), 0);
  return covariance / Math.sqrt(a.length * x.variance * y.variance);
}

describe('Generator', () => {
  test('its state is its seed and the number of draws, and can be put back', () => {
    const generator = new Generator(2 ** 53 - 1);
    expect(generator.state()).toEqual({ seed: 2 ** 53 - 1, offset: 0 });
    generator.restore({ seed: 4, offset: 7 });
    expect(generator.advance()).toEqual({ seed: 4, offset: 7 });
    expect(generator.state()).toEqual({ seed: 4, offset: 8 });
  });

  test('seeds and states that are refused', () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => new Generator(seed)).toThrow(
        /Generator: the seed .* is not an integer from 0 to 9007199254740991/,
      );
    }
    const generator = new Generator(1);
    expect(() => generator.restore({ seed: 1, offset: 2 ** 32 })).toThrow(/the offset 4294967296/);
    expect(generator.state()).toEqual({ seed: 1, offset: 0 });
    generator.restore({ seed: 1, offset: 2 ** 32 - 1 });
    expect(() => generator.advance()).toThrow(/the offset/);
  });
});

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  const floats = async (x: Tensor) => (await x.data()) as Float32Array;
  const listed = async (x: Tensor) => [...(await x.data())];

  test('uniform and normal numbers are distributed as such', async () => {
    using _ = device.scope();
    const generator = new Generator(11);
    const n = 60_000;
    const u = await floats(rand(device, [n], { generator }));
    expect(Math.abs(moments(u).mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(moments(u).variance - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / n));
    expect(kolmogorovSmirnov(u, (x) => x)).toBeLessThan(KS_CRITICAL);
    expect(u.every((x) => x > 0 && x < 1)).toBe(true);
    const z = await floats(randn(device, [n], { generator }));
    expect(Math.abs(moments(z).mean)).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(moments(z).variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(kolmogorovSmirnov(z, (x) => 0.5 * (1 + erf(x / Math.SQRT2)))).toBeLessThan(KS_CRITICAL);
    // Neighbours, which share a block or a radius; other draws; seeds that differ in one word.
    const others = [
      u.map((_x, i) => u[i + 1] ?? 0.5),
      u.map((_x, i) => u[i + 4] ?? 0.5),
      await floats(rand(device, [n], { generator })),
      await floats(rand(device, [n], { generator: new Generator(12) })),
      await floats(rand(device, [n], { generator: new Generator(11 + 2 ** 32) })),
    ];
    for (const other of others) expect(Math.abs(correlation(u, other))).toBeLessThan(4);
    expect(
      Math.abs(
        correlation(
          z,
          z.map((_x, i) => z[i ^ 1] ?? 0),
        ),
      ),
    ).toBeLessThan(4 * Math.SQRT2);
  });

  test('integers, coins and places in proportion to their probabilities', async () => {
    using _ = device.scope();
    const generator = new Generator(5);
    const n = 60_000;
    const counted = (values: ArrayLike<number>, cells: number): number[] => {
      const counts = new Array<number>(cells).fill(0);
      for (const value of Array.from(values)) counts[value] = (counts[value] ?? 0) + 1;
      return counts;
    };
    const digits = await randint(device, [n], 0, 10, { generator }).data();
    expect(chiSquareExcess(counted(digits, 10), equalShares(10))).toBeLessThanOrEqual(0);
    const coins = await floats(bernoulli(Tensor.from(device, new Float32Array(n).fill(0.2)), { generator }));
    expect(shareExcess(counted(coins, 2)[1] ?? 0, n, 0.2)).toBeLessThanOrEqual(0);
    const shares = [0.1, 0.4, 0.2, 0.3];
    // Of any scale.
    const p = Tensor.from(
      device,
      shares.map((share) => share * 5),
      [1, 4],
    );
    const places = await multinomial(p, n, { generator, replacement: true }).data();
    expect(chiSquareExcess(counted(places, 4), shares)).toBeLessThanOrEqual(0);

    const rows = Tensor.from(
      device,
      Float32Array.from({ length: n * 4 }, (_unused, i) => shares[i % 4] ?? 0),
      [n, 4],
    );
    const pairs = await multinomial(rows, 2, { generator }).data();
    const first = pairs.filter((_place: number, i: number) => i % 2 === 0);
    expect(chiSquareExcess(counted(first, 4), shares)).toBeLessThanOrEqual(0);
    // After place 1, the second draw is from the other three.
    const second = pairs.filter((_place: number, i: number) => i % 2 === 1 && pairs[i - 1] === 1);
    const [a, b, c, d] = counted(second, 4);
    expect(b).toBe(0);
    expect(chiSquareExcess([a ?? 0, c ?? 0, d ?? 0], [1 / 6, 2 / 6, 3 / 6])).toBeLessThanOrEqual(0);
    const leaders = Array.from({ length: 400 }, () => randperm(device, 4, { generator }));
    const firsts = await Promise.all(leaders.map(async (order) => (await order.data())[0] ?? 0));
    expect(chiSquareExcess(counted(firsts, 4), equalShares(4))).toBeLessThanOrEqual(0);
  });

  test('a value depends on seed, draw and place, not on the shape', async () => {
    using _ = device.scope();
    const long = await listed(randn(device, [5001], { generator: new Generator(3) }));
    expect(await listed(randn(device, [7, 11], { generator: new Generator(3) }))).toEqual(long.slice(0, 77));
  });

  test('every op takes one draw, and a restored generator repeats it', async () => {
    using _ = device.scope();
    const generator = new Generator(1);
    const p = Tensor.from(device, [0.25, 0.5, 0.25]);
    const make = () => [
      rand(device, [9], { generator }),
      randn(device, [9], { generator }),
      uniform(device, [9], 1, 2, { generator }),
      randint(device, [9], 0, 100, { generator, dtype: 'u32' }),
      bernoulli(device, [9], 0.5, { generator }),
      bernoulli(p, { generator }),
      multinomial(p, 2, { generator }),
      multinomial(p, 9, { generator, replacement: true }),
      randperm(device, 9, { generator }),
    ];
    const first = await Promise.all(make().map(listed));
    expect(generator.state()).toEqual({ seed: 1, offset: first.length });
    const second = await Promise.all(make().map(listed));
    expect(second.slice(0, 4)).not.toEqual(first.slice(0, 4));
    generator.restore(JSON.parse(JSON.stringify({ seed: 1, offset: 0 })));
    expect(await Promise.all(make().map(listed))).toEqual(first);
  });

  test('every replay of a recording draws anew', async () => {
    using _ = device.scope();
    const generator = new Generator(8);
    const y = Tensor.empty(device, [40]);
    using recording = device.record(() => {
      device.copy(rand(device, [40], { generator }).view, y.view);
    });
    const replayed: number[][] = [];
    for (let i = 0; i < 3; i++) {
      recording.replay();
      replayed.push(await listed(y));
    }
    const again = new Generator(8);
    for (const values of replayed)
      expect(values).toEqual(await listed(rand(device, [40], { generator: again })));
    expect(generator.state()).toEqual(again.state());
  });

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
    await fc.assert(property, { ...seeded, numRuns: 12 });
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

test('the same bits on the fastest and the portable device', async () => {
  const results = await Promise.all(
    VARIANTS.map(async (options) => {
      const device = await openDevice(options);
      const generator = new Generator(77);
      const made = [randn(device, [1001], { generator }), rand(device, [1001], { generator })];
      const words = await Promise.all(made.map(async (x) => new Uint32Array((await x.data()).buffer)));
      device.destroy();
      return words;
    }),
  );
  expect(results[0]).toEqual(results[1]);
});
