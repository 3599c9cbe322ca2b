/** The cases of the benchmark: every one runs, states its true FLOPs and bytes, and can be selected by name. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KernelCase } from '../../bench/kernelCase.ts';
import { kernelCases, matching } from '../../bench/kernels.ts';
import { measure } from '../../bench/measure.ts';
import { chosenSuites } from '../../bench/suites.ts';
import type { Device } from '../../src/gpu/device.ts';
import { add, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

const cases = kernelCases({ software: true });

test('names and shapes tell cases apart; the largest are for hardware', () => {
  const names = cases.map(({ kernel, shape }) => `${kernel}, ${shape}`);
  expect(new Set(names).size).toBe(names.length);
  const shapes = (software: boolean) => kernelCases({ software }).map(({ shape }) => shape);
  expect(shapes(true)).not.toContain('2048×2048×2048');
  expect(shapes(false)).toContain('2048×2048×2048');
});

test('operations and bytes of some, by hand', () => {
  const workOf = (kernel: string, shape: string) => {
    const found = cases.find((each) => each.kernel === kernel && each.shape === shape);
    return [found?.flops, found?.bytes];
  };
  expect(workOf('matmul, AB', '512×512×512')).toEqual([2 ** 28, 3 * 2 ** 20]);
  // The gradient is read and written.
  expect(workOf('linear weight gradient, AᵀB', '512×512×512')).toEqual([2 ** 28, 4 * 2 ** 20]);
  // One row and column each: 64 · 16 and 16 · 64 values in, 64 · 64 out, 512 times.
  expect(workOf('batched matmul', '512 of 64×16×64')).toEqual([2 ** 26, 512 * 4 * (1024 + 1024 + 4096)]);
  // 32 · 65 pairs in each of 256 sequences; for each two products of 64 values.
  expect(workOf('attention forward', '256×64, 4 heads of 16')).toEqual([
    256 * 32 * 65 * 2 * 2 * 64,
    4 * 256 * 64 * (3 * 64 + 64),
  ]);
  // 64 keys and values of 64; q, k and v; key, value and result.
  expect(workOf('decode attention', '128 at 64, 4 heads of 16')).toEqual([
    128 * 65 * 2 * 2 * 64,
    4 * 128 * (2 * 64 * 64 + 3 * 64 + 3 * 64),
  ]);
  expect(workOf('sum of columns', '8192×256')).toEqual([0, 4 * 8192 * 257]);
  // Logits, row, state in and out, token with its log-probability, token as input.
  expect(workOf('sampling', '128×57')).toEqual([0, 128 * 4 * (57 + 4 + 8 + 3)]);
  // Two of four experts for every row, each two layers of 64 × 256.
  expect(workOf('mixture of experts forward', '8192×64, 2 of 4 experts of 256')[0]).toBe(
    8192 * 2 * 2 * 2 * 64 * 256,
  );
});

test('cases are chosen by name or shape', () => {
  const names = (text: string) => new Set(matching(cases, text).map(({ kernel }) => kernel));
  expect(names('DECODE')).toEqual(new Set(['decode attention']));
  expect(names('nothing of this name').size).toBe(0);
  expect(matching(cases, '1024x1024x1024').map(({ shape }) => shape)).toEqual(
    new Array(4).fill('1024×1024×1024'),
  );
  expect(matching(cases, 'matmul, ABᵀ 512×')).toHaveLength(1);
});

test('suites are chosen by name; with a filter those that have cases', () => {
  expect(chosenSuites([])).toEqual([
    ...['kernels', 'variants', 'ops', 'peers', 'replay', 'steps', 'costs', 'growth', 'startup'],
    ...['reads', 'workers', 'swarm', 'endurance'],
  ]);
  expect(chosenSuites([], { filter: 'matmul' })).toEqual(['kernels']);
  expect(chosenSuites(['steps'], { filter: 'tiny', count: true })).toEqual(['steps']);
  expect(() => chosenSuites(['speed'])).toThrow(/no suite 'speed': use kernels, variants/);
  expect(() => chosenSuites(['growth'], { filter: 'tiny' })).toThrow(/leave 'growth' out/);
  expect(() => chosenSuites(['kernels'], { count: true })).toThrow(/leave 'kernels' out/);
});

describe('on a device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test.each(cases.map((each) => [each.kernel, each.shape, each] as const))('%s, %s', async (_, __, each) => {
    const run = each.prepare(device);
    const counts = [];
    for (let i = 0; i < 2; i++) {
      using _ = device.scope();
      const before = device.counters().dispatches;
      run();
      await device.idle();
      counts.push(device.counters().dispatches - before);
    }
    expect(counts[1]).toBeGreaterThan(0);
    expect(counts[1]).toBeLessThanOrEqual(counts[0] ?? 0);
    expect(each.bytes).toBeGreaterThan(0);
  });

  test('η is the bound of FLOPs, bytes and dispatches over the median', async () => {
    const profiled = await openDevice({ profile: true });
    const count = 1 << 16;
    const bytes = 2 * count * 4 * 2;
    const twice: KernelCase = {
      ...{ kernel: 'add', shape: 'twice', flops: 0, bytes },
      prepare: (on) => {
        const x = Tensor.from(on, new Float32Array(count));
        return () => add(add(x, 1), 2);
      },
    };
    const { ceilings, results } = await measure(device, [twice], { profiled, rounds: 2 });
    expect(results[0]).toMatchObject({ kernel: 'add', dispatches: 2, bytes });
    const { median = 0, efficiency, gpu = null, gpuEfficiency } = results[0] ?? {};
    expect(efficiency).toBeCloseTo((bytes / ceilings.W + 2 * ceilings.t0) / median, 10);
    expect(Math.min(ceilings.P, ceilings.W, ceilings.t0, median)).toBeGreaterThan(0);
    if (profiled.gpu.features.has('timestamp-query') && gpu !== null) {
      expect(gpuEfficiency).toBeCloseTo(bytes / ceilings.W / gpu, 10);
    } else {
      expect([gpu, gpuEfficiency]).toEqual([null, null]);
    }
    profiled.destroy();
  });
});
