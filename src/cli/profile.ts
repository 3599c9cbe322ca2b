/** Reports `--profile FILE`: the time of a command by kernel, and every dispatch as a Chrome trace. */
import type { Device } from '../gpu/device.ts';
import type { ProfiledDispatch } from '../gpu/profiler.ts';
import { peakBandwidth, peakFlops } from '../kernels/peak.ts';
import { writeAtomically } from '../runs/atomicFile.ts';
import { columns } from './columns.ts';

/** Peaks of the adapter: FLOP/s and bytes/s. */
export interface Peaks {
  readonly flops: number;
  readonly bandwidth: number;
}

/** Sums over the dispatches of one kernel. */
export interface KernelTotals {
  readonly kernel: string;
  readonly dispatches: number;
  /** Milliseconds; 0 without timestamps. */
  readonly gpu: number;
  readonly cpu: number;
  readonly bytes: number;
  readonly flops: number;
  /** η: the least time that the peaks allow, divided by the time taken; undefined without timestamps. */
  readonly efficiency: number | undefined;
}

/** Sum dispatches by kernel, the most time first. */
export function totalsByKernel(dispatches: readonly ProfiledDispatch[], peaks: Peaks): KernelTotals[] {
  const groups = new Map<string, ProfiledDispatch[]>();
  for (const dispatch of dispatches) {
    const group = groups.get(dispatch.kernel);
    if (group) group.push(dispatch);
    else groups.set(dispatch.kernel, [dispatch]);
  }
  const totals = [...groups].map(([kernel, group]) => {
    const sum = (value: (dispatch: ProfiledDispatch) => number): number =>
      group.reduce((total, dispatch) => total + value(dispatch), 0);
    const gpu = sum(durationOf);
    const [bytes, flops] = [sum((each) => each.bytes), sum((each) => each.flops)];
    const least = Math.max(flops / peaks.flops, bytes / peaks.bandwidth) * 1000;
    const efficiency = gpu > 0 ? least / gpu : undefined;
    return { kernel, dispatches: group.length, gpu, cpu: sum(({ cpu }) => cpu), bytes, flops, efficiency };
  });
  return totals.sort((a, b) => b.gpu - a.gpu || b.cpu - a.cpu);
}

const durationOf = ({ start, end }: ProfiledDispatch): number =>
  start === undefined || end === undefined ? 0 : Math.max(0, end - start);

const MOST_ROWS = 30;

/** Format the sums as lines of a table. */
export function profileTable(totals: readonly KernelTotals[], peaks: Peaks): string[] {
  const total = totals.reduce((sum, { gpu }) => sum + gpu, 0);
  const rows = totals
    .slice(0, MOST_ROWS)
    .map((each) => [
      each.kernel.slice(0, 60),
      String(each.dispatches),
      each.gpu.toFixed(1),
      total > 0 ? `${((100 * each.gpu) / total).toFixed(1)} %` : '-',
      each.cpu.toFixed(1),
      (each.bytes / 1e6).toFixed(1),
      each.efficiency === undefined ? '-' : each.efficiency.toFixed(2),
    ]);
  const heading = ['kernel', 'dispatches', 'GPU ms', 'share', 'CPU ms', 'MB bound', 'η'];
  const rest = totals.length > MOST_ROWS ? [`and ${totals.length - MOST_ROWS} kernels more`] : [];
  return [
    ...columns([heading, ...rows]),
    ...rest,
    `${total.toFixed(0)} ms on the GPU; η: the least time for the operations or the bytes bound, over the time taken, ` +
      'above 1 where a kernel reads only a part of what it binds ' +
      `(P ${(peaks.flops / 1e9).toFixed(0)} GFLOP/s, W ${(peaks.bandwidth / 1e9).toFixed(1)} GB/s)`,
  ];
}

/** Convert dispatches to complete events of the Trace Event Format (chrome://tracing, Perfetto). Times are microseconds. */
export function chromeTrace(dispatches: readonly ProfiledDispatch[]): object {
  const origin = dispatches.find(({ start }) => start !== undefined)?.start ?? 0;
  return {
    displayTimeUnit: 'ms',
    traceEvents: dispatches.flatMap((dispatch) => {
      const { kernel, start, bytes, flops } = dispatch;
      if (start === undefined) return [];
      const [ts, dur] = [(start - origin) * 1000, durationOf(dispatch) * 1000];
      return [{ name: kernel, cat: 'kernel', ph: 'X', ts, dur, pid: 0, tid: 0, args: { bytes, flops } }];
    }),
  };
}

/** Write the trace to `path`, and print the table. */
export async function reportProfile(
  device: Device,
  path: string,
  say: (line: string) => void,
): Promise<void> {
  const dispatches = [...(await device.profile())];
  const peaks = { flops: await peakFlops(device), bandwidth: await peakBandwidth(device) };
  for (const line of profileTable(totalsByKernel(dispatches, peaks), peaks)) say(line);
  writeAtomically(path, `${JSON.stringify(chromeTrace(dispatches))}\n`);
  say(`Trace of ${dispatches.length} dispatches: ${path}`);
}
