/** Rotary positions against the reference: heads of any even size, heads that stay, positions far out. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { rope, ropeFrequencies, Tensor } from '../../../src/tensor/index.ts';
import { openDevice, VARIANTS } from '../../device.ts';
import * as oracle from '../../oracle/array.ts';
import { integers } from '../../oracle/random.ts';
import { type Computation, expectSameAsOracle, random } from '../againstOracle.ts';
import { describeOps } from './battery.ts';

interface Problem {
  readonly positions: readonly number[];
  readonly headDim: number;
  readonly heads: number;
  /** Heads that stay. */
  readonly still?: number;
  readonly theta?: number;
  readonly seed: number;
}

function computation({ positions, headDim, heads, still = 0, theta, seed }: Problem): Computation {
  const options = theta === undefined ? {} : { theta };
  return {
    inputs: [random([positions.length, (heads + still) * headDim], seed)],
    gpu: ([x]) => {
      const { device } = x as Tensor;
      const frequencies = Tensor.from(device, ropeFrequencies(headDim, options));
      const at = Tensor.from(device, Uint32Array.from(positions));
      return rope(x as Tensor, at, frequencies, still > 0 ? { heads } : {});
    },
    oracle: ([x]) => oracle.rope(x as oracle.Array64, { positions, headDim, heads, theta: theta ?? 10_000 }),
    // cos and sin are right to 2e-7, x and y reach 4.
    forward: { atol: 2e-6 },
    gradient: () => ({ atol: 2e-6 }),
  };
}

describeOps('Rotary positions', [
  {
    name: 'rope',
    dtypes: 'f32',
    runs: 30,
    cases: fc
      .record({
        count: fc.constantFrom(0, 1, 2, 7, 64, 65),
        headDim: fc.constantFrom(2, 4, 6, 8, 12, 64, 128),
        heads: fc.constantFrom(1, 2, 3, 4, 5, 9),
        still: fc.constantFrom(0, 0, 1, 3),
        theta: fc.constantFrom(undefined, 1.5, 500_000),
        seed: fc.nat(),
      })
      .map(({ count, theta, ...rest }) =>
        computation({
          ...rest,
          ...(theta === undefined ? {} : { theta }),
          positions: integers(rest.seed, count, 5000),
        }),
      ),
    small: computation({ positions: [0, 3], headDim: 4, heads: 2, still: 1, seed: 3 }),
  },
]);

describe.each(VARIANTS)('$variant', ({ portableKernels }) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ portableKernels });
  });
  afterAll(() => device.destroy());

  test('cos and sin are right to 2e-7 from the first position to the last of u32', async () => {
    using _ = device.scope();
    const positions = [0, 1, 2, 100, 4095, 4096, 131_071, 1_000_003, 2 ** 24 + 1, 2 ** 31, 2 ** 32 - 1];
    const [headDim, half] = [128, 64];
    // The first half is 1 and the second 0: they become cos and sin.
    const row = Float32Array.from({ length: headDim }, (_, i) => Number(i < half));
    const x = new Float32Array(positions.length * headDim);
    for (const i of positions.keys()) x.set(row, i * headDim);
    const y = await rope(
      Tensor.from(device, x, [positions.length, headDim]),
      Tensor.from(device, Uint32Array.from(positions)),
      Tensor.from(device, ropeFrequencies(headDim)),
    ).data();
    positions.forEach((position, r) => {
      for (let i = 0; i < half; i++) {
        const angle = position * 10_000 ** (-i / half);
        // A float64 angle of 4e9 is itself known to 5e-7, as is its frequency.
        const tolerance = 2e-7 + 3e-16 * angle;
        const at = `position ${position}, frequency ${i}`;
        expect(Math.abs((y[r * headDim + i] ?? 9) - Math.cos(angle)), at).toBeLessThan(tolerance);
        expect(Math.abs((y[r * headDim + half + i] ?? 9) - Math.sin(angle)), at).toBeLessThan(tolerance);
      }
    });
  });

  test('one turn worked out by hand', async () => {
    using _ = device.scope();
    // With theta = 1 every frequency is 1: at position p both pairs turn by p radians. cos 11 = 0.0044 and sin 11 = −1.
    const y = await rope(
      Tensor.from(device, [1, 0, 0, 2], [1, 4]),
      Tensor.from(device, Uint32Array.of(11)),
      Tensor.from(device, ropeFrequencies(4, { theta: 1 })),
    ).data();
    const [c, s] = [0.004425697988, -0.99999020655];
    const wanted = [c, -2 * s, s, 2 * c];
    wanted.forEach((value, i) => {
      expect(y[i]).toBeCloseTo(value, 6);
    });
  });

  test('positions of one sequence serve every sequence of a batch', async () => {
    await expectSameAsOracle(device, {
      inputs: [random([3, 5, 16], 1)],
      gpu: ([x]) => {
        const positions = Tensor.from(device, Uint32Array.of(0, 1, 2, 3, 4));
        return rope(x as Tensor, positions, Tensor.from(device, ropeFrequencies(8)));
      },
      oracle: ([x]) => {
        const positions = Array.from({ length: 15 }, (_, row) => row % 5);
        const rows = oracle.reshape(x as oracle.Array64, [15, 16]);
        const y = oracle.rope(rows, { positions, headDim: 8, heads: 2, theta: 10_000 });
        return oracle.reshape(y, [3, 5, 16]);
      },
    });
  });

  test('shapes that disagree are named', () => {
    using _ = device.scope();
    const x = Tensor.zeros(device, [3, 16]);
    const positions = Tensor.zeros(device, [3], 'u32');
    const frequencies = Tensor.from(device, ropeFrequencies(8));
    const wide = Tensor.from(device, ropeFrequencies(12));
    expect(() => rope(x, positions, wide)).toThrow(/rope: x \(3,16\) for all heads, frequencies \(12\)/);
    expect(() => rope(x, positions, frequencies, { heads: 3 })).toThrow(/rope: x \(3,16\) for 3 heads/);
    expect(() => rope(x, Tensor.zeros(device, [2], 'u32'), frequencies)).toThrow(
      /rope: positions \(2\) for 3 rows/,
    );
    expect(() => rope(x, Tensor.zeros(device, [3]), frequencies)).toThrow(/positions \(3\) has dtype f32/);
  });
});

test('ropeFrequencies names what it cannot take', () => {
  expect(() => ropeFrequencies(7)).toThrow(/ropeFrequencies: .*3.5/);
  expect(() => ropeFrequencies(8, { theta: 0 })).toThrow(/ropeFrequencies: theta/);
});
