/**
 * The measure of a kernel, the same on any adapter: bound = max(FLOPs / P, bytes / W) + dispatches · t0 is the least time
 * that the adapter's own best multiply-adds, copies and empty dispatches allow, and η = bound / time. Everything is timed
 * in turns, so that a noisy neighbour slows all alike, and the median counts.
 */
import type { Device } from '../src/gpu/device.ts';
import { defineKernel } from '../src/gpu/kernel.ts';
import { peakBandwidth, peakFlops } from '../src/kernels/peak.ts';

export interface KernelCase {
  /** Groups the cases of a kernel. */
  readonly kernel: string;
  /** What it is run on. */
  readonly shape: string;
  readonly flops: number;
  /** Bytes that must be read and written at least once. */
  readonly bytes: number;
  /** Enqueues the work once. */
  readonly run: () => void;
}

export interface KernelResult {
  readonly kernel: string;
  readonly shape: string;
  readonly flops: number;
  readonly bytes: number;
  readonly dispatches: number;
  /** Seconds: median, and the quartiles around it. */
  readonly median: number;
  readonly quartiles: readonly [number, number];
  readonly efficiency: number;
}

/** What the adapter can do at best, measured in the same run. */
export interface Ceilings {
  /** FLOP/s */
  readonly P: number;
  /** bytes/s */
  readonly W: number;
  /** Seconds per empty dispatch. */
  readonly t0: number;
}

const emptyKernel = defineKernel({
  name: 'empty',
  params: {},
  reads: {},
  writes: { y: 'array<f32>' },
  code: '@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x > 0) { y[0] = 0.0; } }',
});
const EMPTY_DISPATCHES = 200;
const ROUNDS = 9;
/** A case is repeated until it takes about this long, in seconds. */
const LEAST_TIME = 0.01;

export const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.round(q * (values.length - 1))] ?? Number.NaN;

/** Seconds that `repeats` runs take, from an idle device to an idle device. */
async function time(device: Device, run: () => void, repeats: number): Promise<number> {
  await device.idle();
  const started = performance.now();
  for (let i = 0; i < repeats; i++) {
    using _ = device.scope();
    run();
  }
  await device.idle();
  return (performance.now() - started) / 1000;
}

async function emptyDispatch(device: Device): Promise<number> {
  using _ = device.scope();
  const y = device.allocate(16);
  const launch = () => {
    for (let i = 0; i < EMPTY_DISPATCHES; i++) device.launch(emptyKernel, { y }, {}, [1]);
  };
  return (await time(device, launch, 1)) / EMPTY_DISPATCHES;
}

/** Times all cases and the adapter's ceilings in turns; `progress` hears of every round. */
export async function measure(
  device: Device,
  cases: readonly KernelCase[],
  progress: (round: number, rounds: number) => void = () => {},
): Promise<{ ceilings: Ceilings; results: KernelResult[] }> {
  const plans = [];
  for (const each of cases) {
    await time(device, each.run, 1); // compiles
    const before = device.counters().dispatches;
    const once = await time(device, each.run, 1);
    const dispatches = device.counters().dispatches - before;
    const repeats = Math.max(1, Math.min(200, Math.ceil(LEAST_TIME / once)));
    plans.push({ ...each, dispatches, repeats, times: [] as number[] });
  }
  const ceilings = { P: [] as number[], W: [] as number[], t0: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    progress(round, ROUNDS);
    ceilings.P.push(await peakFlops(device, 1));
    ceilings.W.push(await peakBandwidth(device, 1));
    ceilings.t0.push(await emptyDispatch(device));
    for (const plan of plans) plan.times.push((await time(device, plan.run, plan.repeats)) / plan.repeats);
  }
  const medians = {
    P: quantile(ceilings.P, 0.5),
    W: quantile(ceilings.W, 0.5),
    t0: quantile(ceilings.t0, 0.5),
  };
  const results = plans.map(({ kernel, shape, flops, bytes, dispatches, times }) => {
    const median = quantile(times, 0.5);
    const bound = Math.max(flops / medians.P, bytes / medians.W) + dispatches * medians.t0;
    const quartiles = [quantile(times, 0.25), quantile(times, 0.75)] as const;
    return { kernel, shape, flops, bytes, dispatches, median, quartiles, efficiency: bound / median };
  });
  return { ceilings: medians, results };
}
