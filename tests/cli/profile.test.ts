/** What --profile says: sums by kernel, shares, efficiencies, and a trace that viewers can read. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chromeTrace, profileTable, reportProfile, totalsByKernel } from '../../src/cli/profile.ts';
import type { ProfiledDispatch } from '../../src/gpu/profiler.ts';
import { add, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

const PEAKS = { flops: 1e9, bandwidth: 1e8 };
const dispatch = (
  kernel: string,
  start: number,
  end: number,
  bytes: number,
  flops = 0,
): ProfiledDispatch => ({
  kernel,
  start,
  end,
  cpu: 0.5,
  bytes,
  flops,
});
const DISPATCHES = [
  dispatch('copy', 10, 12, 100_000),
  dispatch('product', 12, 20, 1000, 4e6),
  dispatch('copy', 20, 22, 100_000),
];

test('sums by kernel, the most time first', () => {
  expect(totalsByKernel(DISPATCHES, PEAKS)).toEqual([
    // 4e6 operations take 4 ms at best.
    { kernel: 'product', dispatches: 1, gpu: 8, cpu: 0.5, bytes: 1000, flops: 4e6, efficiency: 0.5 },
    // 200 kB take 2 ms.
    { kernel: 'copy', dispatches: 2, gpu: 4, cpu: 1, bytes: 200_000, flops: 0, efficiency: 0.5 },
  ]);
});

test('the table', () => {
  const lines = profileTable(totalsByKernel(DISPATCHES, PEAKS), PEAKS);
  expect(lines[0]).toMatch(/^kernel +dispatches +GPU ms +share +CPU ms +MB bound +η$/);
  expect(lines[1]).toMatch(/^product +1 +8\.0 +66\.7 % +0\.5 +0\.0 +0\.50$/);
  expect(lines[2]).toMatch(/^copy +2 +4\.0 +33\.3 % +1\.0 +0\.2 +0\.50$/);
  expect(lines.at(-1)).toMatch(/^12 ms on the GPU/);
  const many = Array.from({ length: 33 }, (_, i) => dispatch(`kernel ${i}`, i, i + 1, 1));
  expect(profileTable(totalsByKernel(many, PEAKS), PEAKS).join('\n')).toMatch(/and 3 kernels more/);
});

test('without timestamps there are counts and CPU times', () => {
  const untimed = DISPATCHES.map((each) => ({ ...each, start: undefined, end: undefined }));
  const [first] = totalsByKernel(untimed, PEAKS);
  expect(first).toMatchObject({ kernel: 'copy', dispatches: 2, gpu: 0, cpu: 1, efficiency: undefined });
  expect(profileTable(totalsByKernel(untimed, PEAKS), PEAKS)[1]).toMatch(/^copy +2 +0\.0 +- +1\.0 +0\.2 +-$/);
  expect(chromeTrace(untimed)).toMatchObject({ traceEvents: [] });
});

test('the trace counts microseconds from the first dispatch', () => {
  expect(chromeTrace(DISPATCHES)).toMatchObject({
    traceEvents: [
      { name: 'copy', ph: 'X', ts: 0, dur: 2000 },
      { name: 'product', ph: 'X', ts: 2000, dur: 8000, args: { bytes: 1000, flops: 4e6 } },
      { name: 'copy', ph: 'X', ts: 10_000, dur: 2000 },
    ],
  });
});

test('a device’s own profile, without what measuring the peaks launches', async () => {
  const device = await openDevice({ profile: true });
  await add(Tensor.from(device, [1, 2]), 1).data();
  const path = join(mkdtempSync(join(tmpdir(), 'profile-')), 'trace.json');
  const lines: string[] = [];
  await reportProfile(device, path, (line) => lines.push(line));
  expect(lines.at(-1)).toBe(`Trace of 1 dispatches: ${path}`);
  const { traceEvents } = JSON.parse(readFileSync(path, 'utf8'));
  expect(traceEvents.length).toBe(device.gpu.features.has('timestamp-query') ? 1 : 0);
  device.destroy();
});
