/** Every variant of softmax against float64: rows of any length, along memory and side by side, with values that are not finite. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import { softmaxBackwardFamily, softmaxForwardFamily } from '../../src/kernels/softmax/index.ts';
import { isInterpreted, largeTest, openDevice, randomCases, variantsToTest } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { normals, seeded } from '../oracle/random.ts';
import { floats, readFloats } from './views.ts';

interface Size {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly logarithm: boolean;
}

/** Run `body` for the places of each row. */
function eachRow({ outer, length, inner }: Size, body: (places: readonly number[]) => void): void {
  for (let row = 0; row < outer * inner; row++) {
    const first = Math.floor(row / inner) * length * inner + (row % inner);
    body(Array.from({ length }, (_, i) => first + i * inner));
  }
}

function softmax(x: ArrayLike<number>, size: Size): Float64Array {
  const y = new Float64Array(x.length);
  eachRow(size, (places) => {
    const largest = Math.max(...places.map((at) => x[at] ?? 0));
    const sum = places.reduce((total, at) => total + Math.exp((x[at] ?? 0) - largest), 0);
    for (const at of places) {
      const shifted = (x[at] ?? 0) - largest;
      y[at] = size.logarithm ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
    }
  });
  return y;
}

function gradient(y: ArrayLike<number>, dy: ArrayLike<number>, size: Size): Float64Array {
  const dx = new Float64Array(y.length);
  const [of, by] = [(at: number) => y[at] ?? 0, (at: number) => dy[at] ?? 0];
  eachRow(size, (places) => {
    const sum = places.reduce((total, at) => total + by(at) * (size.logarithm ? 1 : of(at)), 0);
    for (const at of places) {
      dx[at] = size.logarithm ? by(at) - Math.exp(of(at)) * sum : of(at) * (by(at) - sum);
    }
  });
  return dx;
}

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

const sizes = fc.record({
  outer: fc.constantFrom(1, 2, 3, 9, 17),
  length: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(128, 129, 300, 516)),
  inner: fc.constantFrom(1, 1, 1, 2, 3, 4, 33),
  logarithm: fc.boolean(),
});

describe.each(variantsToTest(softmaxForwardFamily.variants))('softmax, $name', (variant) => {
  async function run(x: Float32Array<ArrayBuffer>, size: Size): Promise<Float32Array | undefined> {
    using _ = device.scope();
    const y = floats(device, x.length);
    const options = { views: { x: floats(device, x), y }, size };
    if (!variant.fits(device, options)) return undefined;
    launchPlan(device, variant.plan(device, options));
    return readFloats(device, y, x.length);
  }

  test('equals float64', async () => {
    const property = fc.asyncProperty(sizes, fc.nat(), async (size, seed) => {
      const x = Float32Array.from(normals(seed, size.outer * size.length * size.inner), (n) => 3 * n);
      const y = await run(x, size);
      if (y) expectClose(y, softmax(x, size), { atol: size.logarithm ? 4e-6 : 1e-6, rtol: 2e-6 });
    });
    await fc.assert(property, { ...seeded, numRuns: randomCases(isInterpreted ? 30 : 15) });
  });

  test('a row with NaN or +∞, or of −∞ alone, is NaN; −∞ beside others is 0; neighbours are unharmed', async () => {
    const length = 37;
    const x = Float32Array.from(normals(1, 5 * length));
    x[3] = Number.NaN;
    x[length + 30] = Number.POSITIVE_INFINITY;
    x.fill(Number.NEGATIVE_INFINITY, 2 * length, 3 * length);
    x[3 * length + 8] = Number.NEGATIVE_INFINITY;
    const y = await run(x, { outer: 5, length, inner: 1, logarithm: false });
    if (!y) return;
    for (const row of [0, 1, 2]) {
      expect([...y.subarray(row * length, (row + 1) * length)].every(Number.isNaN), `row ${row}`).toBe(true);
    }
    expect(y[3 * length + 8]).toBe(0);
    expectClose(
      y.subarray(3 * length),
      softmax(x.subarray(3 * length), { outer: 2, length, inner: 1, logarithm: false }),
    );
  });

  largeTest.each([50_000, 50_001])('%i columns', async (length) => {
    const size = { outer: 2, length, inner: 1, logarithm: false };
    const x = Float32Array.from(normals(2, 2 * length));
    const y = await run(x, size);
    if (y) expectClose(y, softmax(x, size), { atol: 1e-9, rtol: 5e-6 });
  });
});

describe.each(variantsToTest(softmaxBackwardFamily.variants))('softmax backward, $name', (variant) => {
  test('equals float64', async () => {
    const property = fc.asyncProperty(sizes, fc.nat(), async (size, seed) => {
      using _ = device.scope();
      const count = size.outer * size.length * size.inner;
      const y = Float32Array.from(softmax(normals(seed, count), size));
      const dy = Float32Array.from(normals(seed + 1, count));
      const dx = floats(device, count);
      const options = { views: { y: floats(device, y), dy: floats(device, dy), dx }, size };
      if (!variant.fits(device, options)) return;
      launchPlan(device, variant.plan(device, options));
      expectClose(await readFloats(device, dx, count), gradient(y, dy, size), { atol: 2e-5, rtol: 5e-6 });
    });
    await fc.assert(property, { ...seeded, numRuns: randomCases(isInterpreted ? 30 : 15) });
  });
});
