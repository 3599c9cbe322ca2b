/**
 * Times whole steps, eager, replayed, and with generation in processes of its own, in turns with each other and with the
 * adapter's ceilings. Another copy on a profiling device does the same steps and says what they consist of: η of a step is the sum of the least times of its
 * dispatches over the time of the replayed step.
 */
import { generationProcesses } from '../src/generation/index.ts';
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

/** A step in one of its forms. */
export interface StepTimes extends Spread {
  /** Real tokens per second: median. */
  readonly tokensPerSecond: number;
  /** Per step: medians. */
  readonly dispatches: number;
  /** Seconds to encode and submit it; null where that waits for the GPU in between. */
  readonly cpu: number | null;
}

export interface StepResult {
  readonly name: string;
  readonly rounds: number;
  /** Of a step: median. */
  readonly tokens: number;
  readonly eager: StepTimes | null;
  readonly replayed: StepTimes;
  /** Replayed, with generation in processes of its own; null where that is not done. Their dispatches are not counted. */
  readonly parallel: StepTimes | null;
  readonly efficiency: number;
  /** FLOPs by the count that is usual for training, over what the adapter could do in the time. */
  readonly flopEfficiency: number | null;
  /** Seconds by the GPU's clock, median; null without timestamps. */
  readonly gpu: number | null;
  /** Medians over the rounds, those that take longest first. */
  readonly kernels: readonly KernelShare[];
}

export interface MeasuredSteps {
  readonly ceilings: Ceilings;
  readonly steps: readonly StepResult[];
}

const ROUNDS = 9;
const LEAST_ROUNDS = 3;
const WARM = 2;
/** A case that is slow is timed less often, so that one form of it takes about this long: seconds. */
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
  readonly parallel: Timed | undefined;
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
  const processes = each.generates ? generationProcesses(device, each.generates) : 0;
  const parallel = processes > 0 ? timed({ replay: true, processes }) : undefined;
  const onProfiler = each.prepare(profiled, { replay: true });
  let seconds = 0;
  // All do the same steps: those of a trainer differ from one to the next.
  for (let i = 0; i < WARM; i++) {
    await eager?.step();
    seconds = (await replayed.step()).seconds;
    await parallel?.step();
    await onProfiler();
  }
  const rounds = Math.min(most, Math.max(LEAST_ROUNDS, Math.floor(MOST_TIME / seconds)));
  return { each, rounds, eager, replayed, parallel, profiled: onProfiler, profiles: [] };
}

async function run({ device, step, runs }: Timed): Promise<void> {
  const before = device.counters().dispatches;
  const done = await step();
  runs.push({ ...done, dispatches: device.counters().dispatches - before });
}

/** Times all steps in turns; `profiled` is a profiling device on the same adapter. */
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
      if (each.parallel) await run(each.parallel);
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

/** Of each kernel the median of every round; where a round does without it, that counts as 0. */
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

function result({ each, rounds, eager, replayed, parallel, profiles }: Plan, ceilings: Ceilings): StepResult {
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
    parallel: parallel ? timesOf(parallel) : null,
    efficiency: median(replayed.runs.map(({ seconds }, round) => (bounds[round] ?? 0) / seconds)),
    flopEfficiency: each.flops === null ? null : each.flops / (ceilings.P * times.median),
    gpu: gpu.length > 0 ? median(gpu) : null,
    kernels: typicalShares(shares),
  };
}
