/** The reports of the benchmark: tables, the page, and comparisons of two measurements. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareFiles } from '../../bench/compare.ts';
import { COMPARISONS, fileOf } from '../../bench/comparison.ts';
import { writeReport } from '../../bench/report.ts';
import { readResults, resultsFolder, type SuiteName, saveResults } from '../../bench/results.ts';
import {
  ceilingText,
  countTable,
  enduranceTable,
  kernelTable,
  shareTable,
  stepTable,
  swarmText,
  workersTable,
} from '../../bench/tables.ts';
import { ceilings, kernelResult, RESULTS } from './fixtures.ts';

const { kernels, steps } = RESULTS;
const NAMES = Object.keys(RESULTS) as SuiteName[];
const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'bench-'));

test('the table of kernels: speeds, η, and the times on the GPU where there are any', () => {
  const { heading, rows } = kernelTable(kernels);
  expect(heading.slice(-2)).toEqual(['gpu ms', 'gpu η']);
  expect(rows).toEqual([
    ['copy <1>', '8×8', '4.000', '3.600 to 4.400', '0.5', '0.03', '1', '0.50', '', ''],
    ['sum', '8×8', '2.000', '1.800 to 2.200', '1.0', '0.05', '1', '1.00', '1.000', '0.75'],
  ]);
  const without = kernelTable({ ...kernels, results: kernels.results.slice(0, 1) });
  expect(without.heading.at(-1)).toBe('η');
  expect(without.rows[0]).toHaveLength(without.heading.length);
  expect(ceilingText(ceilings)).toBe('P 1.0 GFLOP/s, W 0.10 GB/s, t0 10.0 µs');
});

test('the table of steps: one line for each mode', () => {
  const { heading, rows } = stepTable(steps.steps, steps.counts);
  expect(rows).toEqual([
    [
      ...['supervised step, <tiny>', 'eager', '300.000', '270.000 to 330.000', '333', '7', '6', '≤ 7'],
      ...['4.000', '', '', ''],
    ],
    [
      ...['supervised step, <tiny>', 'replayed', '200.000', '180.000 to 220.000', '500', '7', '6', '≤ 7'],
      ...['1.000', '160.000', '0.25', '0.13'],
    ],
    ['rollout, tiny', 'replayed', '500.000', '450.000 to 550.000', '200', '7', '5', '', '', '', '0.10', ''],
  ]);
  for (const row of rows) expect(row).toHaveLength(heading.length);
});

test('the table of dispatches says which limits hold on GPUs with and without subgroups', () => {
  expect(countTable(steps.counts).rows).toEqual([
    ['supervised step, <tiny>', '7', '6', '8', '> 7'],
    ['rollout, tiny', '9', '5', '5', ''],
  ]);
});

test('the shares of a step, of the time on the GPU or else of the least times', () => {
  const [supervised, rollout] = steps.steps;
  expect(shareTable(supervised?.kernels ?? [], 1).rows).toEqual([
    ['matmul', '5', '120.000', '75.0 %', '30.000', '0.25'],
  ]);
  expect(shareTable(rollout?.kernels ?? [], 9).rows).toEqual([['decode', '7', '', '100.0 %', '50.000', '']]);
});

test('the table of workers: each number against its bound', () => {
  const { heading, rows } = workersTable(RESULTS.workers);
  expect(rows).toEqual([
    [
      ...['tiny, 8 × 4 × 16', '1', '300.000', '250.000', '0.83', '1000', '25 %'],
      ...['10.000', '', '4.0', '5.0'],
    ],
  ]);
  expect(heading).toHaveLength(rows[0]?.length ?? 0);
});

test('the table of memory leaves out what is not known', () => {
  expect(enduranceTable(RESULTS.endurance).rows).toEqual([['1000', '32', '256', '1', '']]);
});

test('a swarm tells what was wrong, and leaves out what is not known', () => {
  const [first, , third] = swarmText(RESULTS.swarm);
  expect(first).toContain('3 jobs to the bits of this device, 1 not');
  expect(third).toBe(
    'server: 128 MiB at most, ? s of CPU; trainer: 256 MiB, 10.0 s, event loop late by 5.000 ms (p50), 100.000 ms (p99)',
  );
});

test('what is saved is read again, and nothing else', () => {
  const folder = temporaryFolder();
  for (const name of NAMES) {
    saveResults(folder, name, RESULTS[name] as never);
    expect(readResults(join(folder, `${name}.json`), name)).toEqual(RESULTS[name]);
  }
  expect(() => readResults(join(folder, 'growth.json'), 'steps')).toThrow(
    /growth\.json is not a steps\.json/,
  );
  expect(() => readResults(join(folder, 'none.json'), 'steps')).toThrow(/none\.json cannot be read as JSON/);
  expect(resultsFolder('llvm: 1.0 (x)', { save: true })).toBe('bench/results/llvm-1.0-x');
  expect(resultsFolder('llvm', { save: false })).toBeUndefined();
  expect(resultsFolder('llvm', { save: true, count: true })).toBeUndefined();
  expect(resultsFolder('llvm', { save: true, filter: 'matmul' })).toBeUndefined();
});

test('the page shows every suite, and needs nothing but itself', () => {
  const folder = temporaryFolder();
  for (const name of NAMES) saveResults(folder, name, RESULTS[name] as never);
  const path = writeReport(folder, 'an <adapter>');
  expect(path).toBe(join(folder, 'report.html'));
  const page = readFileSync(path, 'utf8');
  expect(page).toContain('<h1>Benchmark on an &lt;adapter&gt;</h1>');
  expect(page.match(/<h2>/g)).toHaveLength(NAMES.length);
  // Of the kernels, of each of two steps, and of two axes of growth.
  expect(page.match(/<svg/g)).toHaveLength(5);
  expect(page).toContain('<td class="text">copy &lt;1&gt;</td>');
  expect(page).toContain('supervised step, &lt;tiny&gt;: share of the time on the GPU');
  expect(page).toContain('rollout, tiny: share of the least time');
  expect(page).toContain('width: exponent 2.00');
  expect(page).toContain('after 1.3 s, after 11.5 s with a cold shader cache');
  expect(page).not.toMatch(/<script|<link|https?:\/\/(?!www\.w3\.org)|NaN|undefined/);
});

test('the page shows what benny compared, and leads to its charts', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, COMPARISONS));
  const save = (name: string, content: unknown): void =>
    writeFileSync(join(folder, COMPARISONS, `${fileOf(name)}.json`), JSON.stringify(content));
  const results = [{ name: 'another <one>', ops: 4.25, margin: 1.5, percentSlower: 0 }];
  save('peers 512³', { name: 'peers 512³', results });
  save('variants broken', { name: 'variants broken' });
  const page = readFileSync(writeReport(folder), 'utf8');
  expect(page.match(/<h2>/g)).toHaveLength(1);
  expect(page).toContain('<h3>peers 512³</h3>');
  expect(page).toContain('another &lt;one&gt;, ±1.5 %');
  expect(page).toContain('4.25');
  expect(page).toContain('<a href="comparisons/peers-512.chart.html">');
  expect(page).toMatch(/Left out: .*variants-broken\.json is not a comparison of this benchmark/);
  expect(page).not.toMatch(/<script|<link|https?:\/\/(?!www\.w3\.org)|NaN|undefined/);
});

test('the page leaves out what was not measured, and says so of what it cannot read', () => {
  const folder = temporaryFolder();
  saveResults(folder, 'startup', RESULTS.startup);
  writeFileSync(join(folder, 'steps.json'), '{"name":"of another version"}');
  const page = readFileSync(writeReport(folder), 'utf8');
  expect(page.match(/<h2>/g)).toHaveLength(2);
  expect(page).toMatch(/Left out: .*steps\.json is not a steps\.json of this benchmark\. Run npm run bench/);
});

test('compare', () => {
  const folder = temporaryFolder();
  const write = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  const a = write('a.json', {
    adapter: 'one',
    ceilings,
    results: [kernelResult(0.004, 0.5), kernelResult(1, 1, 'gone')],
  });
  // As it was saved before there were times on the GPU.
  const { gpu: _, gpuEfficiency: __, ...before } = kernelResult(0.002, 0.8);
  const b = write('b.json', { adapter: 'two', ceilings, results: [before] });
  const lines = compareFiles(a, b);
  expect(lines.slice(0, 2)).toEqual([`a: ${a}, one`, `b: ${b}, two`]);
  expect(lines[3]).toMatch(/^copy <1> +8×8 +4\.000 +2\.000 +2\.00 +0\.50 +0\.80$/);
  expect(lines).toHaveLength(4);
  expect(() => compareFiles(a, join(folder, 'none.json'))).toThrow(/none\.json cannot be read/);
  expect(() => compareFiles(a, write('other.json', { results: 1 }))).toThrow(/is not a kernels\.json/);

  const [c, d] = [write('c-steps.json', steps), write('d-steps.json', steps)];
  expect(compareFiles(c, d)[4]).toMatch(/^rollout, tiny +replayed +500\.000 +500\.000 +1\.00 +0\.10 +0\.10$/);
});
