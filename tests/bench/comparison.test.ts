/** Comparisons with benny wait for cases, save results, and compare variants and ops of equal shape. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMPARISONS, compare, fileOf } from '../../bench/comparison.ts';
import { kernelCases } from '../../bench/kernels.ts';
import { opComparisons } from '../../bench/ops.ts';
import { readComparison } from '../../bench/results.ts';
import { variantComparisons } from '../../bench/variants.ts';
import type { Device } from '../../src/gpu/device.ts';
import { matmulFamily } from '../../src/kernels/matmul/index.ts';
import { productCase } from '../../src/kernels/tuningCases.ts';
import { openDevice } from '../device.ts';

const QUICK = { maxTime: 0.05, minSamples: 2 };
const after = (milliseconds: number) => (): Promise<unknown> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

test('the time of a case is that of its promise; JSON and chart are saved', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'comparison-'));
  const contenders = [
    { name: 'slow', run: after(20) },
    { name: 'quick', run: after(2) },
  ];
  await compare({ name: 'waiting, 2 cases', contenders }, folder, QUICK);
  expect(readdirSync(join(folder, COMPARISONS)).sort()).toEqual([
    'waiting-2-cases.chart.html',
    'waiting-2-cases.json',
  ]);
  const { name, results } = readComparison(join(folder, COMPARISONS, 'waiting-2-cases.json'));
  expect(name).toBe('waiting, 2 cases');
  expect(results.map((each) => each.name)).toEqual(['slow', 'quick']);
  // 20 and 2 ms each, where a timer may be half a millisecond early; more on a busy machine.
  const [slow, quick] = results.map(({ ops }) => ops);
  expect(slow).toBeLessThanOrEqual(1000 / 19.5);
  expect(quick).toBeLessThanOrEqual(1000 / 1.5);
  const chart = readFileSync(join(folder, COMPARISONS, 'waiting-2-cases.chart.html'), 'utf8');
  expect(chart).toContain('["slow","quick"]');
});

test('nothing is saved without a folder', async () => {
  await compare({ name: 'unsaved', contenders: [{ name: 'one', run: after(1) }] }, undefined, QUICK);
  expect(existsSync('benchmark')).toBe(false); // benny's own default
  expect(existsSync(COMPARISONS)).toBe(false);
});

test('file names keep letters, digits and dots', () => {
  expect(fileOf('variants matmul bias K64 N256 M8192')).toBe('variants-matmul-bias-K64-N256-M8192');
  expect(fileOf('ops 256×64, 4 heads of 16')).toBe('ops-256-64-4-heads-of-16');
});

describe('on a device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  test('variants: each of a family that the adapter takes runs once when it is called', async () => {
    const cases = [productCase({ M: 64, N: 32, K: 16, bias: true })];
    const [comparison] = await variantComparisons(device, cases);
    const names = comparison?.contenders.map(({ name }) => name) ?? [];
    expect(comparison?.name).toMatch(/^variants matmul .*K16 N32 M64/);
    expect(names).toContain(matmulFamily.portable);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(1);
    for (const { run } of comparison?.contenders ?? []) {
      const before = device.counters().dispatches;
      await run();
      expect(device.counters().dispatches).toBe(before + 1);
    }
  });

  test('ops: those that work on one shape stand together, and run', async () => {
    const cases = kernelCases({ software: true }).filter(({ shape }) => /^(128×64×64|64×32768)$/.test(shape));
    const comparisons = opComparisons(device, cases);
    expect(comparisons.map(({ name, contenders }) => [name, contenders.length])).toEqual([
      ['ops 128×64×64', 3],
    ]);
    for (const { run } of comparisons[0]?.contenders ?? []) {
      const before = device.counters().dispatches;
      await run();
      expect(device.counters().dispatches).toBeGreaterThan(before);
    }
  });
});
