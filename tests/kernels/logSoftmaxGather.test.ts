/** Every variant of the log-probability kernels against float64: rows of any length, restricted ones, ids that choose nothing. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import {
  logSoftmaxGatherBackwardFamily,
  logSoftmaxGatherFamily,
} from '../../src/kernels/logSoftmaxGather/index.ts';
import { isInterpreted, largeTest, openDevice, randomCases, variantsToTest } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { integers, normals, seeded, uniforms } from '../oracle/random.ts';
import { floats, readFloats, words } from './views.ts';

interface Problem {
  readonly R: number;
  readonly V: number;
  readonly inverseTemperature: number;
  /** Share of ids that a row is restricted to; undefined for no restriction. */
  readonly share: number | undefined;
}

/** Draw logits, ids (every fifth one chooses nothing) and restrictions, and compute results and gradients in float64. */
function draw({ R, V, inverseTemperature, share }: Problem, seed: number) {
  const logits = normals(seed, R * V, 0, 2);
  const ids = Uint32Array.from(integers(seed + 1, R, V), (id, row) => (row % 5 === 3 ? V + row : id));
  const drawn = uniforms(seed + 2, R * V);
  const isKept = (row: number, v: number): boolean =>
    share === undefined || (drawn[row * V + v] ?? 0) < share || v === (ids[row] ?? 0) % V;
  const perRow = Math.ceil(V / 32);
  const kept = new Uint32Array(R * perRow);
  const [dLogp, dEntropy] = [normals(seed + 3, R), normals(seed + 4, R)];
  const [logp, entropy, lse] = [new Float64Array(R), new Float64Array(R), new Float64Array(R)];
  const dLogits = new Float64Array(R * V);
  for (let row = 0; row < R; row++) {
    const own = Array.from({ length: V }, (_, v) => v).filter((v) => isKept(row, v));
    for (const v of own) {
      const word = row * perRow + (v >>> 5);
      kept[word] = ((kept[word] ?? 0) | (1 << (v & 31))) >>> 0;
    }
    const z = (v: number): number => (logits[row * V + v] ?? 0) * inverseTemperature;
    const highest = own.reduce((top, v) => Math.max(top, z(v)), Number.NEGATIVE_INFINITY);
    const logSum = highest + Math.log(own.reduce((sum, v) => sum + Math.exp(z(v) - highest), 0));
    const H = own.reduce((sum, v) => sum - Math.exp(z(v) - logSum) * (z(v) - logSum), 0);
    const id = ids[row] ?? 0;
    const [gradLogp, gradEntropy] = [id < V ? (dLogp[row] ?? 0) : 0, dEntropy[row] ?? 0];
    logp[row] = id < V ? z(id) - logSum : 0;
    entropy[row] = H;
    lse[row] = logSum;
    for (const v of own) {
      const p = Math.exp(z(v) - logSum);
      const byLogp = gradLogp * (Number(v === id) - p);
      dLogits[row * V + v] = inverseTemperature * (byLogp - gradEntropy * p * (z(v) - logSum + H));
    }
  }
  return { logits, ids, kept, dLogp, dEntropy, expected: { logp, entropy, lse, dLogits } };
}

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

const problems = fc.record({
  R: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(63, 64, 65)),
  V: fc.oneof(fc.integer({ min: 1, max: 140 }), fc.constantFrom(1, 57, 60, 64, 600, 601)),
  inverseTemperature: fc.constantFrom(1, 2, 0.5),
  share: fc.option(fc.constantFrom(0, 0.1, 0.5, 1), { nil: undefined }),
});
const numRuns = randomCases(isInterpreted ? 30 : 15);
const LONG = [50_000, 50_001].flatMap((V) => [
  { R: 2, V, inverseTemperature: 1, share: undefined },
  { R: 2, V, inverseTemperature: 1, share: 0.5 },
]);

describe.each(variantsToTest(logSoftmaxGatherFamily.variants))('forward, $name', (variant) => {
  async function check(problem: Problem, seed: number): Promise<void> {
    using _ = device.scope();
    const { R } = problem;
    const { logits, ids, kept, expected } = draw(problem, seed);
    const [logp, entropy, lse] = [floats(device, R), floats(device, R), floats(device, R)];
    const options = {
      ...{ ...problem, logits: floats(device, logits), ids: words(device, ids), logp, entropy, lse },
      kept: problem.share === undefined ? undefined : words(device, kept),
    };
    if (!variant.fits(device, options)) return;
    launchPlan(device, variant.plan(device, options));
    expectClose(await readFloats(device, logp, R), expected.logp, { atol: 5e-6, rtol: 1e-6 });
    expectClose(await readFloats(device, entropy, R), expected.entropy, { atol: 1e-5, rtol: 2e-6 });
    expectClose(await readFloats(device, lse, R), expected.lse, { atol: 5e-6, rtol: 1e-6 });
  }

  test('equals float64', async () => {
    await fc.assert(fc.asyncProperty(problems, fc.nat(), check), { ...seeded, numRuns });
  });

  largeTest.each(LONG)('$V columns, share $share', (problem) => check(problem, 1));
});

describe.each(variantsToTest(logSoftmaxGatherBackwardFamily.variants))('backward, $name', (variant) => {
  async function check(problem: Problem, seed: number): Promise<void> {
    using _ = device.scope();
    const { R, V } = problem;
    const { logits, ids, kept, dLogp, dEntropy, expected } = draw(problem, seed);
    const dLogits = floats(device, R * V);
    const options = {
      ...{ ...problem, logits: floats(device, logits), ids: words(device, ids), dLogits },
      entropy: floats(device, Float32Array.from(expected.entropy)),
      lse: floats(device, Float32Array.from(expected.lse)),
      ...{ dLogp: floats(device, dLogp), dEntropy: floats(device, dEntropy) },
      kept: problem.share === undefined ? undefined : words(device, kept),
    };
    if (!variant.fits(device, options)) return;
    launchPlan(device, variant.plan(device, options));
    expectClose(await readFloats(device, dLogits, R * V), expected.dLogits, { atol: 1e-5, rtol: 1e-5 });
  }

  test('equals float64', async () => {
    await fc.assert(fc.asyncProperty(problems, fc.nat(), check), { ...seeded, numRuns });
  });

  largeTest.each(LONG)('$V columns, share $share', (problem) => check(problem, 1));
});
