/**
 * Time training steps in two forms, eager and replayed. Both and the
 * adapter's limits are timed in turns. A copy on a profiling device takes the same steps and yields their kernels: η of a
 * step is the sum of the least times of its dispatches, divided by the time of the replayed step.
 */
import type { Device } from '../src/gpu/device.ts';
import type { ProfiledDispatch } from '../src/gpu/profiler.ts';
import type { Ceilings } from './bound.ts';
import { CeilingMeter } from './ceilings.ts';
import {
  type KernelShare,
  type KnownWork,
  longestFirst,
  Profile,
  secondsOn,
  sharesByKernel,
  stepBound,
} from './profile.ts';
import { quantile, type Spread, spreadOf } from './statistics.ts';
import type { StepCase, StepForm, StepRun } from './stepCases.ts';

/** The times of a step in one form. */
export interface StepTimes extends Spread {
  /** Median of tokens per second, without padding. */
  readonly tokensPerSecond: number;
  /** Median number of dispatches per step. */
  readonly dispatches: number;
  /** Median CPU seconds to encode and submit a step; null if encoding waits for the GPU. */
  readonly cpu: number | null;
}

export interface StepResult {
  readonly name: string;
  readonly rounds: number;
  /** Median number of tokens of a step. */
  readonly tokens: number;
  readonly eager: StepTimes | null;
  readonly replayed: StepTimes;
  readonly efficiency: number;
  /** FLOPs by the usual count for training, divided by the FLOPs that the adapter can compute in the same time. */
  readonly flopEfficiency: number | null;
  /** Median seconds on the GPU's clock; null without timestamps. */
  readonly gpu: number | null;
  /** The kernels, the slowest first; medians over the rounds. */
  readonly kernels: readonly KernelShare[];
}

export interface MeasuredSteps {
  readonly ceilings: Ceilings;
  readonly steps: readonly StepResult[];
}

const ROUNDS = 9;
const LEAST_ROUNDS = 3;
const WARM = 2;
/** Seconds to spend on one form of a case, at most. A slow case is timed in fewer rounds. */
const MOST_TIME = 30;

interface Timed {
  readonly device: Device;
  readonly step: () => Promise<StepRun>;
  readonly runs: (StepRun & { readonly dispatches: number })[];
}

interface Plan {
  readonly each: StepCase;
  readonly rounds: number;
  readonly eager: Timed | undefined;
  readonly replayed: Timed;
  readonly profiled: () => Promise<StepRun>;
  readonly profiles: {
    readonly dispatches: readonly ProfiledDispatch[];
    readonly known: readonly KnownWork[];
  }[];
}

async function plan(each: StepCase, device: Device, profiled: Device, most: number): Promise<Plan> {
  const timed = (form: StepForm): Timed => ({ device, step: each.prepare(device, form), runs: [] });
  const eager = each.eager ? timed({ replay: false }) : undefined;
  const replayed = timed({ replay: true });
  const onProfiler = each.prepare(profiled, { replay: true });
  let seconds = 0;
  // All forms take the same steps, since the steps of a trainer differ from each other.
  for (let i = 0; i < WARM; i++) {
    await eager?.step();
    seconds = (await replayed.step()).seconds;
    await onProfiler();
  }
  const rounds = Math.min(most, Math.max(LEAST_ROUNDS, Math.floor(MOST_TIME / seconds)));
  return { each, rounds, eager, replayed, profiled: onProfiler, profiles: [] };
}

async function run({ device, step, runs }: Timed): Promise<void> {
  const before = device.counters().dispatches;
  const done = await step();
  runs.push({ ...done, dispatches: device.counters().dispatches - before });
}

/** Time all steps in turns. `profiled` is a profiling device on the same adapter. */
export async function measureSteps(
  device: Device,
  profiled: Device,
  cases: readonly StepCase[],
  {
    rounds: most = ROUNDS,
    progress = () => {},
  }: { readonly rounds?: number; readonly progress?: (round: number, rounds: number) => void } = {},
): Promise<MeasuredSteps> {
  const plans: Plan[] = [];
  for (const each of cases) plans.push(await plan(each, device, profiled, most));
  const profile = new Profile(profiled);
  const meter = new CeilingMeter();
  for (let round = 0; round < most; round++) {
    progress(round, most);
    await meter.measure(device);
    for (const each of plans) {
      if (round >= each.rounds) continue;
      if (each.eager) await run(each.eager);
      await run(each.replayed);
      await profile.skip();
      const { known } = await each.profiled();
      each.profiles.push({ dispatches: await profile.next(), known });
    }
  }
  const ceilings = meter.ceilings();
  return { ceilings, steps: plans.map((each) => result(each, ceilings)) };
}

const median = (values: readonly number[]): number => quantile(values, 0.5);

function timesOf({ runs }: Timed): StepTimes {
  const cpu = runs.flatMap((each) => each.cpu ?? []);
  return {
    ...spreadOf(runs.map(({ seconds }) => seconds)),
    tokensPerSecond: median(runs.map(({ tokens, seconds }) => tokens / seconds)),
    dispatches: median(runs.map(({ dispatches }) => dispatches)),
    cpu: cpu.length > 0 ? median(cpu) : null,
  };
}

/** Return each kernel's median over the rounds; a round without the kernel counts as 0. */
function typicalShares(rounds: readonly (readonly KernelShare[])[]): KernelShare[] {
  const names = new Set(rounds.flatMap((shares) => shares.map(({ kernel }) => kernel)));
  const typical = [...names].map((kernel) => {
    const each = rounds.map((shares) => shares.find((share) => share.kernel === kernel));
    const timed = each.every((share) => share === undefined || share.gpu !== null);
    return {
      kernel,
      dispatches: median(each.map((share) => share?.dispatches ?? 0)),
      gpu: timed ? median(each.map((share) => share?.gpu ?? 0)) : null,
      bound: median(each.map((share) => share?.bound ?? 0)),
    };
  });
  return typical.sort(longestFirst);
}

function result({ each, rounds, eager, replayed, profiles }: Plan, ceilings: Ceilings): StepResult {
  const shares = profiles.map(({ dispatches, known }) => sharesByKernel(dispatches, ceilings, known));
  const bounds = shares.map((kernels) => stepBound(kernels, ceilings));
  const gpu = profiles.flatMap(({ dispatches }) => secondsOn(dispatches) ?? []);
  const times = timesOf(replayed);
  return {
    name: each.name,
    rounds,
    tokens: median(replayed.runs.map(({ tokens }) => tokens)),
    eager: eager ? timesOf(eager) : null,
    replayed: times,
    efficiency: median(replayed.runs.map(({ seconds }, round) => (bounds[round] ?? 0) / seconds)),
    flopEfficiency: each.flops === null ? null : each.flops / (ceilings.P * times.median),
    gpu: gpu.length > 0 ? median(gpu) : null,
    kernels: typicalShares(shares),
  };
}
