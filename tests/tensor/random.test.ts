/** Generators: their state, the distributions of draws, and when draws repeat. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import {
  bernoulli,
  Generator,
  multinomial,
  rand,
  randint,
  randn,
  randperm,
  Tensor,
  uniform,
} from '../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../device.ts';
import { erf } from '../oracle/special.ts';
import { chiSquareExcess, uniform as equalShares, shareExcess } from '../tasks/arithmetic/chiSquare.ts';

/** Return √n times the largest distance of the empirical distribution from `cdf` (Kolmogorov, Smirnov). */
function kolmogorovSmirnov(values: Float32Array, cdf: (x: number) => number): number {
  const n = values.length;
  const sorted = values.slice().sort();
  const distances = Array.from(sorted, (x, i) => Math.max((i + 1) / n - cdf(x), cdf(x) - i / n));
  return Math.sqrt(n) * distances.reduce((a, b) => Math.max(a, b));
}
/** The 99.9 % point of the Kolmogorov-Smirnov statistic. */
const KS_CRITICAL = 1.95;

function moments(values: Float32Array): { readonly mean: number; readonly variance: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((a, x) => a + (x - mean) ** 2, 0) / values.length };
}

/** Return the correlation of two rows of numbers, in units of its standard deviation for independent rows. */
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
      y.set(rand(device, [40], { generator }));
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
