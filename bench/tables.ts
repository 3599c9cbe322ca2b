/** Format measurements as rows of text, for the terminal and for the page. */
import type { Ceilings } from './bound.ts';
import { excesses, type StepKernel } from './costs/stepKernels.ts';
import type { KernelResult, Measured } from './measure.ts';
import { type KernelShare, shareOf } from './profile.ts';
import type { SuiteResults } from './results.ts';
import { total } from './statistics.ts';
import type { StepCount } from './stepCounts.ts';
import type { StepResult, StepTimes } from './steps.ts';

type ScalingResult = SuiteResults['workers'][number];
type SwarmResult = SuiteResults['swarm'];

/** A heading, and rows with as many cells. The first `left` columns are text, aligned left. */
export interface Table {
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly left: number;
}

const ms = (seconds: number): string => (seconds * 1000).toFixed(3);
const range = ([low, high]: readonly [number, number]): string => `${ms(low)} to ${ms(high)}`;
/** Format a value; leave the cell blank if it was not measured. */
const orBlank = (value: number | null, text: (value: number) => string): string =>
  value === null ? '' : text(value);
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
const ratio = (value: number): string => value.toFixed(2);

export const ceilingText = ({ P, W, t0 }: Ceilings): string =>
  `P ${(P / 1e9).toFixed(1)} GFLOP/s, W ${(W / 1e9).toFixed(2)} GB/s, t0 ${(t0 * 1e6).toFixed(1)} µs`;

function kernelRow(result: KernelResult, timestamps: boolean): string[] {
  const { kernel, shape, flops, bytes, dispatches, median, quartiles, efficiency } = result;
  return [
    kernel,
    shape,
    ms(median),
    range(quartiles),
    flops > 0 ? (flops / median / 1e9).toFixed(1) : '',
    (bytes / median / 1e9).toFixed(2),
    String(dispatches),
    ratio(efficiency),
    ...(timestamps ? [orBlank(result.gpu, ms), orBlank(result.gpuEfficiency, ratio)] : []),
  ];
}

export function kernelTable({ results }: Measured): Table {
  const timestamps = results.some(({ gpu }) => gpu !== null);
  const heading = ['kernel', 'shape', 'median ms', 'quartiles', 'GFLOP/s', 'GB/s', 'dispatches', 'η'];
  return {
    heading: timestamps ? [...heading, 'gpu ms', 'gpu η'] : heading,
    rows: results.map((result) => kernelRow(result, timestamps)),
    left: 2,
  };
}

/** Say if a number of dispatches keeps to its limit. */
const limitText = ({ limit }: StepCount, most: number): string =>
  limit === null ? '' : `${most <= limit ? '≤' : '>'} ${limit}`;

/** Return a table of dispatches: with the kernels of this adapter, and of GPUs with and without subgroups. */
export function countTable(counts: readonly StepCount[]): Table {
  return {
    heading: ['step', 'dispatches', 'on a GPU', 'without subgroups', 'limit'],
    rows: counts.map((count) => {
      const { name, adapter, gpu, withoutSubgroups } = count;
      const most = Math.max(gpu, withoutSubgroups);
      return [name, String(adapter), String(gpu), String(withoutSubgroups), limitText(count, most)];
    }),
    left: 1,
  };
}

export function stepTable(steps: readonly StepResult[], counts: readonly StepCount[]): Table {
  const onGpu = (name: string): string[] => {
    const count = counts.find((each) => each.name === name);
    return count ? [String(count.gpu), limitText(count, count.gpu)] : ['', ''];
  };
  const formRow = (step: StepResult, form: string, times: StepTimes): string[] => [
    step.name,
    form,
    ms(times.median),
    range(times.quartiles),
    times.tokensPerSecond.toFixed(0),
    String(times.dispatches),
    ...onGpu(step.name),
    orBlank(times.cpu, ms),
    ...(form === 'replayed'
      ? [orBlank(step.gpu, ms), ratio(step.efficiency), orBlank(step.flopEfficiency, ratio)]
      : ['', '', '']),
  ];
  return {
    heading: [
      ...['step', 'mode', 'median ms', 'quartiles', 'tokens/s', 'dispatches', 'on a GPU', 'limit'],
      ...['CPU ms', 'gpu ms', 'η', 'of P'],
    ],
    rows: steps.flatMap((step) => [
      ...(step.eager ? [formRow(step, 'eager', step.eager)] : []),
      formRow(step, 'replayed', step.replayed),
    ]),
    left: 2,
  };
}

/** Return a table of a step's kernels: what they hold, and what their innermost loop moves and computes. */
export function costTable(kernels: readonly StepKernel[]): Table {
  return {
    heading: [
      ...[
        'kernel',
        'beyond a limit',
        'dispatches',
        'workgroups',
        'threads',
        'private B',
        'registers',
        'shared B',
      ],
      ...['loads', 'stores', 'shared loads', 'FLOPs', 'FLOPs a load', 'MB'],
    ],
    rows: kernels.map(({ kernel, dispatches, workgroups, bytes, cost }) => {
      const megabytes = (bytes / 1e6).toFixed(1);
      if (!cost) {
        return [
          kernel,
          'not read',
          String(dispatches),
          String(workgroups),
          ...new Array(9).fill(''),
          megabytes,
        ];
      }
      const { loads, stores, sharedLoads, flops } = cost.innermost;
      const reads = loads + sharedLoads;
      const numbers = [dispatches, workgroups, cost.threads, cost.privateBytes, cost.registers];
      return [
        ...[kernel, excesses(cost).join('; ')],
        ...[...numbers, cost.workgroupBytes, loads, stores, sharedLoads, flops].map(String),
        ...[reads > 0 ? (flops / reads).toFixed(1) : '', megabytes],
      ];
    }),
    left: 2,
  };
}

/** Return a table of the `most` slowest kernels of a step. */
export function shareTable(kernels: readonly KernelShare[], most: number): Table {
  const all = total(kernels.map(shareOf));
  return {
    heading: ['kernel', 'dispatches', 'gpu ms', 'share', 'least ms', 'η'],
    rows: kernels
      .slice(0, most)
      .map(({ kernel, dispatches, gpu, bound }) => [
        kernel,
        String(dispatches),
        orBlank(gpu, ms),
        `${((100 * shareOf({ gpu, bound })) / all).toFixed(1)} %`,
        ms(bound),
        orBlank(gpu, (seconds) => ratio(bound / seconds)),
      ]),
    left: 1,
  };
}

/** Return a table of workers: each number against its bound. */
export function workersTable(results: readonly ScalingResult[]): Table {
  return {
    heading: [
      ...['training', 'workers', 'step ms', 'bound ms', 'bound / step', 'tokens/s', 'idle'],
      ...['weights p50 ms', 'p99 ms', 'KB a step', 'on the wire'],
    ],
    rows: results.flatMap(({ name, points }) =>
      points.map((point) => [
        ...[
          name,
          String(point.workers),
          ms(point.seconds),
          ms(point.bound),
          ratio(point.bound / point.seconds),
        ],
        ...[point.tokensPerSecond.toFixed(0), `${(100 * point.idleShare).toFixed(0)} %`],
        ...[orBlank(point.policySecondsP50, ms), orBlank(point.policySecondsP99, ms)],
        ...[point.bytes, point.wireBytes].map((bytes) => (bytes / 1000).toFixed(1)),
      ]),
    ),
    left: 1,
  };
}

/** Describe the trainer's share of a case. */
export const shareText = ({ name, local, unattended, share, rolloutSeconds }: ScalingResult): string =>
  `${name}: ${ms(local)} ms a step alone, ${ms(unattended)} ms with a server and no workers; the trainer's share is ${ms(share)} ms, ` +
  `and a worker's rollout takes ${ms(rolloutSeconds)} ms`;

/** Return a table of memory over many items, in MiB. */
export function enduranceTable(looks: SuiteResults['endurance']): Table {
  return {
    heading: ['items', 'trainer heap MiB', 'trainer MiB', 'device MiB', 'worker MiB'],
    rows: looks.map(({ items, trainerHeap, trainerBytes, deviceBytes, workerBytes }) => [
      String(items),
      ...[trainerHeap, trainerBytes, deviceBytes, workerBytes].map((bytes) => orBlank(bytes, mebibytes)),
    ]),
    left: 0,
  };
}

/** Describe what became of a swarm's work. */
export function swarmText(swarm: SwarmResult): string[] {
  const { workers, items, jobs, wrong, ownItems, givenUp, redelivered, hedged, duplicate, rejected } = swarm;
  return [
    `${workers} workers, ${items} items in ${jobs} jobs, ${swarm.seconds.toFixed(0)} s; ${jobs - wrong} jobs to the bits of this device, ${wrong} not`,
    `${ownItems} items made by the trainer, ${givenUp} given up, ${redelivered} given out again by the server, ${hedged} on purpose, ` +
      `${duplicate} duplicates, ${rejected} rejected`,
    `server: ${swarm.serverBytes === null ? '?' : mebibytes(swarm.serverBytes)} MiB at most, ${swarm.serverCpuSeconds?.toFixed(1) ?? '?'} s of CPU; ` +
      `trainer: ${mebibytes(swarm.trainerBytes)} MiB, ${swarm.trainerCpuSeconds.toFixed(1)} s, event loop late by ${ms(swarm.delayP50)} ms (p50), ${ms(swarm.delayP99)} ms (p99)`,
  ];
}
