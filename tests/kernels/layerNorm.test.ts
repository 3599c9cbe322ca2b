/** Every variant of LayerNorm's kernels against float64: any number of rows, widths that fit no group, and rows too long to hold. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import { layerNormBackwardFamily, layerNormForwardFamily } from '../../src/kernels/layerNorm/index.ts';
import { isInterpreted, largeTest, openDevice, randomCases, variantsToTest } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { normals, seeded } from '../oracle/random.ts';
import { floats, readFloats } from './views.ts';

const EPS = 1e-5;

interface Layer {
  readonly R: number;
  readonly d: number;
  readonly centred: boolean;
  readonly weight: boolean;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly dx: boolean;
  readonly weights: boolean;
}

/** Compute results and gradients in float64. Parts of the weights' gradients are added up: gradients of weight, then bias. */
function reference({ R, d, centred }: Layer, x: Float32Array, dy: Float32Array, operands: Operands) {
  const { weight, bias, residual } = operands;
  const [y, dx] = [new Float64Array(R * d), new Float64Array(R * d)];
  const [stats, sums] = [new Float64Array(2 * R), new Float64Array(2 * d)];
  for (let row = 0; row < R; row++) {
    const at = row * d;
    const values = Array.from({ length: d }, (_, i) => x[at + i] ?? 0);
    const mean = centred ? values.reduce((a, b) => a + b, 0) / d : 0;
    const rstd = 1 / Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / d + EPS);
    stats.set([mean, rstd], 2 * row);
    const normal = values.map((value) => (value - mean) * rstd);
    const g = normal.map((_, i) => (dy[at + i] ?? 0) * (weight?.[i] ?? 1));
    const meanG = centred ? g.reduce((a, b) => a + b, 0) / d : 0;
    const meanGX = g.reduce((sum, value, i) => sum + value * (normal[i] ?? 0), 0) / d;
    normal.forEach((value, i) => {
      y[at + i] = value * (weight?.[i] ?? 1) + (bias?.[i] ?? 0);
      dx[at + i] = ((g[i] ?? 0) - meanG - value * meanGX) * rstd + (residual?.[at + i] ?? 0);
      sums[i] = (sums[i] ?? 0) + (dy[at + i] ?? 0) * value;
      sums[d + i] = (sums[d + i] ?? 0) + (dy[at + i] ?? 0);
    });
  }
  return { y, dx, stats, sums };
}

interface Operands {
  readonly weight?: Float32Array<ArrayBuffer>;
  readonly bias?: Float32Array<ArrayBuffer>;
  readonly residual?: Float32Array<ArrayBuffer>;
}

/** Draw the operands of a layer, and upload them. */
function draw(device: Device, layer: Layer, seed: number) {
  const { R, d } = layer;
  const operands: Operands = {
    ...(layer.weight ? { weight: normals(seed + 1, d, 1, 0.5) } : {}),
    ...(layer.bias ? { bias: normals(seed + 2, d) } : {}),
    ...(layer.residual ? { residual: normals(seed + 3, R * d) } : {}),
  };
  const [x, dy] = [normals(seed, R * d, 0.5, 2), normals(seed + 4, R * d)];
  const expected = reference(layer, x, dy, operands);
  const put = (values?: Float32Array<ArrayBuffer>) => values && floats(device, values);
  const views = { x: floats(device, x), dy: floats(device, dy) };
  const given = { weight: put(operands.weight), bias: put(operands.bias), residual: put(operands.residual) };
  return { expected, views, given };
}

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

const layers = fc.record({
  R: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 65, 200)),
  d: fc.oneof(
    fc.constantFrom(4, 8, 32, 64, 68, 128, 256),
    fc.integer({ min: 1, max: 80 }).map((dv) => 4 * dv),
  ),
  ...{ centred: fc.boolean(), weight: fc.boolean(), bias: fc.boolean(), residual: fc.boolean() },
  ...{ dx: fc.boolean(), weights: fc.boolean() },
});
const numRuns = randomCases(isInterpreted ? 25 : 12);
const LONG = { centred: true, weight: true, bias: true, residual: true, dx: true, weights: true };

describe.each(variantsToTest(layerNormForwardFamily.variants))('forward, $name', (variant) => {
  async function check(layer: Layer, seed: number): Promise<void> {
    using _ = device.scope();
    const { R, d, centred } = layer;
    const { expected, views, given } = draw(device, layer, seed);
    const [y, stats] = [floats(device, R * d), floats(device, 2 * R)];
    const { weight, bias } = given;
    const options = { ...{ x: views.x, y, stats, weight, bias, centred, R, d }, eps: EPS };
    if (!variant.fits(device, options)) return;
    launchPlan(device, variant.plan(device, options));
    expectClose(await readFloats(device, y, R * d), expected.y, { atol: 1e-5, rtol: 2e-6 });
    expectClose(await readFloats(device, stats, 2 * R), expected.stats, { atol: 1e-6, rtol: 3e-6 });
  }

  test('equals float64', async () => {
    await fc.assert(fc.asyncProperty(layers, fc.nat(), check), { ...seeded, numRuns });
  });

  largeTest.each([2052, 50_000])('rows of %i values', (d) => check({ R: 3, d, ...LONG }, 1));
});

describe.each(variantsToTest(layerNormBackwardFamily.variants))('backward, $name', (variant) => {
  async function check(layer: Layer, seed: number): Promise<void> {
    using _ = device.scope();
    const { R, d, centred, weights } = layer;
    const { expected, views, given } = draw(device, layer, seed);
    const stats = floats(device, Float32Array.from(expected.stats));
    const dx = layer.dx ? floats(device, R * d) : undefined;
    const { weight, residual } = given;
    const operands = { ...views, stats, weight, residual, dx, centred, R, d, weights };
    if (!variant.fits(device, operands)) return;
    const count = weights ? variant.partCount(device, operands) : 0;
    if (!dx && count === 0) return;
    const parts = count > 0 ? floats(device, count * 2 * d) : undefined;
    launchPlan(device, variant.plan(device, { ...operands, parts }));
    const tolerance = { atol: 3e-5, rtol: 1e-5 };
    if (dx) expectClose(await readFloats(device, dx, R * d), expected.dx, tolerance);
    if (!parts) return;
    const found = await readFloats(device, parts, count * 2 * d);
    const sums = Float64Array.from({ length: 2 * d }, (_, i) => {
      let sum = 0;
      for (let part = 0; part < count; part++) sum += found[part * 2 * d + i] ?? Number.NaN;
      return sum;
    });
    expectClose(sums, expected.sums, { atol: 3e-5, rtol: 1e-5 });
  }

  test('equals float64', async () => {
    await fc.assert(fc.asyncProperty(layers, fc.nat(), check), { ...seeded, numRuns });
  });

  largeTest.each([2048, 2052, 50_000])('rows of %i values', (d) => check({ R: 3, d, ...LONG }, 1));
});

test('a GPU shares rows of every length', () => {
  for (const d of [4, 64, 256, 1024, 2048, 2052, 50_000]) {
    const options = { R: 8, d, centred: true, weights: true } as Parameters<
      typeof layerNormBackwardFamily.prefer
    >[1];
    expect(layerNormBackwardFamily.prefer(device, options)).toMatch(/^row/);
  }
});
