/** What the benchmark says of its measurements: η, the page, and two measurements side by side. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareFiles } from '../../bench/compare.ts';
import { exponent } from '../../bench/growth.ts';
import { type KernelCase, measure, quantile } from '../../bench/measure.ts';
import { growthReport, kernelReport, kernelTable } from '../../bench/report.ts';
import type { Device } from '../../src/gpu/device.ts';
import { add, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

const ceilings = { P: 1e9, W: 1e8, t0: 1e-5 };
const result = (median: number, efficiency: number, kernel = 'copy <1>') => ({
  kernel,
  shape: '8×8',
  flops: 2e6,
  bytes: 1e5,
  dispatches: 1,
  median,
  quartiles: [median * 0.9, median * 1.1] as const,
  efficiency,
});

test('quantiles', () => {
  expect([0, 0.25, 0.5, 0.75, 1].map((q) => quantile([5, 1, 4, 2, 3], q))).toEqual([1, 2, 3, 4, 5]);
});

test('the table and the page show every kernel', () => {
  const measured = { ceilings, results: [result(0.004, 0.5), result(0.002, 1, 'sum')] };
  const lines = kernelTable(measured);
  expect(lines[1]).toMatch(/^copy <1> +8×8 +4\.000 +3\.600 to 4\.400 +0\.5 +0\.03 +1 +0\.50$/);
  expect(lines.at(-1)).toMatch(/P 1\.0 GFLOP\/s, W 0\.10 GB\/s, t0 10\.0 µs/);
  const page = kernelReport('an <adapter>', measured);
  expect(page).toContain('<h1>Kernels on an &lt;adapter&gt;</h1>');
  expect(page).toContain('<td>copy &lt;1&gt;</td>');
  expect(page.match(/<svg/g)).toHaveLength(1);
  expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
});

test('exponents of growth, and their plots', () => {
  const sizes = [1, 2, 4, 8];
  const of = (power: number) => sizes.map((size) => 0.01 * size ** power);
  for (const power of [0, 1, 1.5, 2]) expect(exponent(sizes, of(power))).toBeCloseTo(power, 12);
  expect(exponent([1, 2, 3], [3, 4, 9])).toBeCloseTo(0.9, 1);
  const growth = { axis: 'width', sizes, times: of(2), exponent: 2 } as const;
  const page = growthReport('an <adapter>', [growth, { ...growth, axis: 'batch' }]);
  expect(page).toContain('on an &lt;adapter&gt;');
  expect(page.match(/<svg/g)).toHaveLength(2);
  expect(page).toContain('width: exponent 2.00');
});

test('compare', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const write = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  const a = write('a.json', {
    adapter: 'one',
    ceilings,
    results: [result(0.004, 0.5), result(1, 1, 'gone')],
  });
  const b = write('b.json', { adapter: 'two', ceilings, results: [result(0.002, 0.8)] });
  const lines = compareFiles(a, b);
  expect(lines.slice(0, 2)).toEqual([`a: ${a}, one`, `b: ${b}, two`]);
  expect(lines[3]).toMatch(/^copy <1> +8×8 +4\.000 +2\.000 +2\.00 +0\.50 +0\.80$/);
  expect(lines).toHaveLength(4);
  expect(() => compareFiles(a, join(folder, 'none.json'))).toThrow(/none\.json cannot be read/);
  expect(() => compareFiles(a, write('other.json', { results: 1 }))).toThrow(/is no kernels\.json/);
});

describe('measuring', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('η is the bound of FLOPs, bytes and dispatches over the median', async () => {
    const x = Tensor.from(device, new Float32Array(1 << 16));
    const run = (): void => {
      add(add(x, 1), 2);
    };
    const bytes = 2 * x.size * 4 * 2;
    const cases: KernelCase[] = [{ kernel: 'add', shape: 'twice', flops: 0, bytes, run }];
    const { ceilings: found, results } = await measure(device, cases);
    const [only] = results;
    expect(only).toMatchObject({ kernel: 'add', dispatches: 2, bytes });
    const { median = 0, efficiency } = only ?? {};
    expect(efficiency).toBeCloseTo((bytes / found.W + 2 * found.t0) / median, 10);
    expect(Math.min(found.P, found.W, found.t0, median)).toBeGreaterThan(0);
  });
});
