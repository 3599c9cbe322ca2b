/**
 * Time kernels and the adapter's limits. All are timed in turns, so that other load slows them equally; results are
 * medians of wall-clock time, from an idle device to an idle device. If the adapter has timestamps, a second device with a
 * profiler adds the time on the GPU's clock, kernel by kernel.
 */
import type { Device } from '../src/gpu/device.ts';
import { bound, type Ceilings } from './bound.ts';
import { CeilingMeter, time } from './ceilings.ts';
import type { KernelCase } from './kernelCase.ts';
import { Profile, secondsOn } from './profile.ts';
import { quantile, type Spread, spreadOf } from './statistics.ts';

export interface KernelResult extends Spread {
  readonly kernel: string;
  readonly shape: string;
  readonly flops: number;
  readonly bytes: number;
  readonly dispatches: number;
  readonly efficiency: number;
  /** Median seconds of its dispatches on the GPU's clock; null without timestamps. */
  readonly gpu: number | null;
  /** η from `gpu`. Neither `gpu` nor its bound includes the cost of dispatching. */
  readonly gpuEfficiency: number | null;
}

export interface Measured {
  readonly ceilings: Ceilings;
  readonly results: readonly KernelResult[];
}

export interface MeasureOptions {
  /** A profiling device on the same adapter. */
  readonly profiled?: Device | undefined;
  readonly rounds?: number;
  readonly progress?: (round: number, rounds: number) => void;
}

export const ROUNDS = 9;
/** Seconds that the repetitions of a case take together, at least. */
const LEAST_TIME = 0.01;
const MOST_REPEATS = 200;

interface Plan {
  readonly each: KernelCase;
  readonly run: () => void;
  readonly dispatches: number;
  readonly repeats: number;
  readonly times: number[];
  /** Runs the case on the profiling device. */
  readonly profiledRun: (() => void) | undefined;
  readonly gpuTimes: number[];
}

async function plan(device: Device, each: KernelCase, profiled: Device | undefined): Promise<Plan> {
  const run = each.prepare(device);
  await time(device, run, 1); // compiles
  const before = device.counters().dispatches;
  const once = await time(device, run, 1);
  const dispatches = device.counters().dispatches - before;
  const repeats = Math.max(1, Math.min(MOST_REPEATS, Math.ceil(LEAST_TIME / once)));
  const profiledRun = profiled && each.prepare(profiled);
  if (profiled && profiledRun) await time(profiled, profiledRun, 1);
  return { each, run, dispatches, repeats, times: [], profiledRun, gpuTimes: [] };
}

/** Time all cases and the adapter's limits in turns. `progress` is called in every round. */
export async function measure(
  device: Device,
  cases: readonly KernelCase[],
  { profiled, rounds = ROUNDS, progress = () => {} }: MeasureOptions = {},
): Promise<Measured> {
  const plans: Plan[] = [];
  for (const each of cases) plans.push(await plan(device, each, profiled));
  const profile = profiled && new Profile(profiled);
  const meter = new CeilingMeter();
  for (let round = 0; round < rounds; round++) {
    progress(round, rounds);
    await meter.measure(device);
    for (const { run, repeats, times, profiledRun, gpuTimes } of plans) {
      times.push((await time(device, run, repeats)) / repeats);
      if (!profile || !profiledRun) continue;
      await profile.skip();
      await time(profile.device, profiledRun, 1);
      const seconds = secondsOn(await profile.next());
      if (seconds !== undefined) gpuTimes.push(seconds);
    }
  }
  const ceilings = meter.ceilings();
  return { ceilings, results: plans.map((each) => result(each, ceilings)) };
}

function result({ each, dispatches, times, gpuTimes }: Plan, ceilings: Ceilings): KernelResult {
  const { kernel, shape, flops, bytes } = each;
  const spread = spreadOf(times);
  const gpu = gpuTimes.length > 0 ? quantile(gpuTimes, 0.5) : null;
  return {
    ...{ kernel, shape, flops, bytes, dispatches },
    ...spread,
    efficiency: bound({ flops, bytes, dispatches }, ceilings) / spread.median,
    gpu,
    gpuEfficiency: gpu ? bound({ flops, bytes, dispatches: 0 }, ceilings) / gpu : null,
  };
}
