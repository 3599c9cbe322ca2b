/** Every variant of reductions against float64 and exact integers: results of neighbours, of values far apart, and of many parts. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { launchPlan } from '../../src/gpu/variants.ts';
import { joinAxes, reduceFamily } from '../../src/kernels/reduce/index.ts';
import type { ReduceOptions, ReduceVariant } from '../../src/kernels/reduce/interface.ts';
import { REDUCTIONS, type ReductionName } from '../../src/kernels/reduce/reductions.ts';
import { isInterpreted, largeTest, openDevice, randomCases, variantsToTest } from '../device.ts';
import { expectClose } from '../oracle/compare.ts';
import { integers, normals, seeded } from '../oracle/random.ts';
import { floats, readFloats, readWords, words } from './views.ts';

interface Problem {
  readonly shape: readonly number[];
  /** Axes that are reduced, one bit each. */
  readonly axes: number;
}

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapterClass: 'gpu' });
});
afterAll(() => device.destroy());

const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
const axesOf = ({ shape, axes }: Problem): number[] =>
  shape.map((_, axis) => axis).filter((axis) => (axes >> axis) & 1);

/** Return the values of each result, in their order. */
function gathered(problem: Problem, values: ArrayLike<number>): number[][] {
  const { shape } = problem;
  const reduced = axesOf(problem);
  const results: number[][] = Array.from(
    { length: size(shape.map((n, axis) => (reduced.includes(axis) ? 1 : n))) },
    () => [],
  );
  for (let at = 0; at < size(shape); at++) {
    let [rest, place, stride] = [at, 0, 1];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const n = shape[axis] ?? 1;
      if (!reduced.includes(axis)) {
        place += (rest % n) * stride;
        stride *= n;
      }
      rest = Math.floor(rest / n);
    }
    results[place]?.push(values[at] ?? 0);
  }
  return results;
}

/** Run all passes with one variant. Return false if it does not fit. */
function run(variant: ReduceVariant, options: ReduceOptions): boolean {
  if (!variant.fits(device, options)) return false;
  const parts = variant.parts(device, options);
  if (parts === 1) {
    launchPlan(device, variant.plan(device, options));
    return true;
  }
  const { reduction, views } = options;
  const groups = variant.totals(options, parts);
  const y = words(device, 2 * size(groups.map((group) => group.size)));
  launchPlan(device, variant.plan(device, { ...options, views: { ...views, y } }));
  const next = { ...reduction, read: reduction.total, load: 'x' };
  return run(variant, { ...options, reduction: next, views: { ...views, x: y }, groups });
}

const problems = fc.record({
  shape: fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(33, 64, 70)), {
    minLength: 1,
    maxLength: 3,
  }),
  axes: fc.integer({ min: 0, max: 7 }),
});
const numRuns = randomCases(isInterpreted ? 30 : 12);
const MANY: readonly Problem[] = [
  { shape: [50_000], axes: 1 },
  { shape: [3, 50_001], axes: 2 },
  { shape: [20_001, 3], axes: 1 },
  { shape: [5000, 2], axes: 1 },
];

describe.each(variantsToTest(reduceFamily.variants))('$name', (variant) => {
  const optionsOf = (
    name: ReductionName,
    problem: Problem,
    views: ReduceOptions['views'],
  ): ReduceOptions => ({
    ...{ name, reduction: REDUCTIONS[name], views, settings: {} },
    groups: joinAxes(problem.shape, axesOf(problem)),
  });

  async function checkSum(problem: Problem, seed: number): Promise<void> {
    using _ = device.scope();
    const values = normals(seed, size(problem.shape));
    const expected = gathered(problem, values).map((list) => list.reduce((a, b) => a + b, 0));
    const y = floats(device, expected.length);
    if (!run(variant, optionsOf('sum', problem, { x: floats(device, values), y }))) return;
    const count = values.length / expected.length;
    expectClose(await readFloats(device, y, expected.length), expected, {
      atol: 3e-7 * Math.sqrt(count) + 1e-6,
    });
  }

  /** The place of the first of the largest values: exact, though lanes do not take them in their order. */
  async function checkPlace(problem: Problem, seed: number): Promise<void> {
    using _ = device.scope();
    const values = Uint32Array.from(integers(seed, size(problem.shape), 4));
    const expected = gathered(problem, values).map((list) =>
      list.indexOf(list.reduce((a, b) => Math.max(a, b), 0)),
    );
    const y = words(device, expected.length);
    if (!run(variant, optionsOf('argExtreme', problem, { x: words(device, values), y }))) return;
    expect([...(await readWords(device, y, expected.length))]).toEqual(expected);
  }

  test('sums', async () => {
    await fc.assert(fc.asyncProperty(problems, fc.nat(), checkSum), { ...seeded, numRuns });
  });

  test('places of the largest', async () => {
    await fc.assert(fc.asyncProperty(problems, fc.nat(), checkPlace), { ...seeded, numRuns });
  });

  test('nothing makes 0', async () => {
    using _ = device.scope();
    const y = floats(device, Float32Array.of(7, 7, 7));
    const problem = { shape: [3, 0], axes: 2 };
    if (!run(variant, optionsOf('sum', problem, { x: floats(device, 0), y }))) return;
    expect([...(await readFloats(device, y, 3))]).toEqual([0, 0, 0]);
  });

  largeTest.each(MANY)('$shape over $axes, in parts', async (problem) => {
    await checkSum(problem, 1);
    await checkPlace(problem, 2);
  });
});
