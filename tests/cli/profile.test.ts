/** The report of --profile: sums by kernel, shares, efficiencies, and a trace that viewers can read. */
import { expect, test } from 'vitest';
import { chromeTrace, profileTable, totalsByKernel } from '../../src/cli/profile.ts';
import type { ProfiledDispatch } from '../../src/gpu/profiler.ts';

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

test('the least time is of the operations or of the bytes, whichever is longer', () => {
  const efficiencies = (bytes: number, flops: number, end = 10) =>
    totalsByKernel([dispatch('k', 0, end, bytes, flops)], PEAKS).map(({ efficiency }) => efficiency);
  // 1e6 operations take 1 ms, 1e6 bytes take 10 ms.
  expect(efficiencies(1e6, 1e6)).toEqual([1]);
  expect(efficiencies(1e5, 5e6)).toEqual([0.5]);
  // A clock that runs backwards took no time.
  expect(efficiencies(1e5, 5e6, -1)).toEqual([undefined]);
});

test('kernels of the same time stand in the order of their CPU time', () => {
  const each = (kernel: string, cpu: number) => ({ ...dispatch(kernel, 0, 1, 1), cpu });
  const totals = totalsByKernel([each('a', 1), each('b', 3), each('c', 2)], PEAKS);
  expect(totals.map(({ kernel }) => kernel)).toEqual(['b', 'c', 'a']);
});

test('the table leaves nothing out until there is too much, cuts long names, and says the peaks', () => {
  const many = (count: number) =>
    profileTable(
      totalsByKernel(
        Array.from({ length: count }, (_, i) => dispatch(`kernel ${i}`, i, i + 1, 1)),
        PEAKS,
      ),
      PEAKS,
    );
  expect(many(30)).toHaveLength(1 + 30 + 1);
  expect(many(31)).toHaveLength(1 + 30 + 1 + 1);
  expect(many(31).at(-2)).toBe('and 1 kernels more');
  expect(many(1).at(-1)).toMatch(/\(P 1 GFLOP\/s, W 0\.1 GB\/s\)$/);
  const long = profileTable(totalsByKernel([dispatch('x'.repeat(70), 0, 1, 1)], PEAKS), PEAKS)[1] ?? '';
  expect(long.split(' ')[0]).toHaveLength(60);
});

test('the trace leaves out what has no time, and begins where the first time is', () => {
  const untimed = { ...dispatch('early', 0, 0, 1), start: undefined, end: undefined };
  const open = { ...dispatch('open', 14, 0, 1), end: undefined };
  expect(chromeTrace([untimed, ...DISPATCHES.slice(1, 2), open])).toEqual({
    displayTimeUnit: 'ms',
    traceEvents: [
      {
        name: 'product',
        cat: 'kernel',
        ph: 'X',
        ts: 0,
        dur: 8000,
        pid: 0,
        tid: 0,
        args: { bytes: 1000, flops: 4e6 },
      },
      {
        name: 'open',
        cat: 'kernel',
        ph: 'X',
        ts: 2000,
        dur: 0,
        pid: 0,
        tid: 0,
        args: { bytes: 1, flops: 0 },
      },
    ],
  });
});
