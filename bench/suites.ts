/** The suites of `npm run bench`. Each prints its results, and saves them as JSON. */
import { columns } from '../src/cli/columns.ts';
import type { Device } from '../src/gpu/device.ts';
import { hasNatsServer } from '../tests/cluster/natsServer.ts';
import { measureEndurance } from './cluster/endurance.ts';
import { measureScaling, SCALING_CASES, type ScalingResult } from './cluster/scaling.ts';
import { measureSwarm, SWARM } from './cluster/swarm.ts';
import { type Comparison, compare } from './comparison.ts';
import { stepKernels } from './costs/stepKernels.ts';
import { plainGpu } from './countingAdapter.ts';
import { measureGrowth } from './growth.ts';
import { kernelCases, matching } from './kernels.ts';
import { measure } from './measure.ts';
import { opComparisons } from './ops.ts';
import { peerComparisons } from './peers.ts';
import { measureReads } from './reads.ts';
import { measureReplay } from './replay.ts';
import { saveResults } from './results.ts';
import { measureStartup } from './startup.ts';
import { costCases, stepCases } from './stepCases.ts';
import { countSteps, LANES } from './stepCounts.ts';
import { measureSteps } from './steps.ts';
import {
  ceilingText,
  costTable,
  countTable,
  enduranceTable,
  kernelTable,
  shareTable,
  shareText,
  stepTable,
  swarmText,
  type Table,
  workersTable,
} from './tables.ts';
import { variantComparisons } from './variants.ts';

export interface Setting {
  readonly device: Device;
  /** Opens a second, profiling device on the same adapter. */
  readonly profiled: () => Promise<Device>;
  /** True if the adapter computes on the CPU. */
  readonly software: boolean;
  /** The adapter's description. */
  readonly adapter: string;
  /** Folder of the results; without it nothing is saved. */
  readonly folder: string | undefined;
  /** Measure only cases whose name or shape contains this. */
  readonly filter: string | undefined;
  readonly rounds: number | undefined;
  /** Only count dispatches. */
  readonly count: boolean;
}

const progress = (round: number, rounds: number): void => {
  process.stderr.write(`\rround ${round + 1} of ${rounds}${round + 1 === rounds ? '\n' : ''}`);
};

function say({ heading, rows, left }: Table): void {
  for (const line of columns([heading, ...rows], left)) console.log(line);
}

function chosen<Case extends { readonly kernel: string; readonly shape: string }>(
  cases: readonly Case[],
  filter: string | undefined,
): readonly Case[] {
  const found = filter === undefined ? cases : matching(cases, filter);
  if (found.length > 0) return found;
  const names = [...new Set(cases.map(({ kernel }) => kernel))];
  throw new Error(`no case matches '${filter}': choose from ${names.join('; ')}`);
}

async function benchKernels(setting: Setting): Promise<void> {
  const { device, adapter, folder, rounds, software } = setting;
  const cases = chosen(kernelCases({ software }), setting.filter);
  const profiled = await setting.profiled();
  const timestamps = profiled.gpu.features.has('timestamp-query');
  const options = { profiled: timestamps ? profiled : undefined, progress };
  const measured = await measure(device, cases, rounds === undefined ? options : { ...options, rounds });
  say(kernelTable(measured));
  console.log(`measured in the same run: ${ceilingText(measured.ceilings)}`);
  if (folder) saveResults(folder, 'kernels', { adapter, ...measured });
}

const KERNELS_SHOWN = 8;

async function benchSteps(setting: Setting): Promise<void> {
  const { device, adapter, folder, rounds } = setting;
  const named = stepCases().map((each) => ({ ...each, kernel: each.name, shape: '' }));
  const cases = chosen(named, setting.filter);
  const counts = await countSteps(device, cases);
  if (setting.count) return say(countTable(counts));
  const options = rounds === undefined ? { progress } : { progress, rounds };
  const timed = cases.filter((each) => each.timed);
  const measured = await measureSteps(device, await setting.profiled(), timed, options);
  say(stepTable(measured.steps, counts));
  console.log('\nDispatches:');
  say(countTable(counts));
  console.log(`measured in the same run: ${ceilingText(measured.ceilings)}`);
  for (const { name, kernels } of measured.steps) {
    console.log(`\n${name}`);
    say(shareTable(kernels, KERNELS_SHOWN));
  }
  if (folder) saveResults(folder, 'steps', { adapter, ...measured, counts });
}

/** Costs are those of a GPU with subgroups of 32 lanes, and of one without subgroups where its kernels differ. */
async function benchCosts({ filter }: Setting): Promise<void> {
  const named = costCases().map((each) => ({ ...each, kernel: each.name, shape: '' }));
  for (const each of chosen(named, filter)) {
    const withLanes = await stepKernels(each, plainGpu(LANES));
    console.log(`\n${each.name}`);
    say(costTable(withLanes));
    const known = new Set(withLanes.map(({ kernel }) => kernel));
    const others = (await stepKernels(each, plainGpu(0))).filter(({ kernel }) => !known.has(kernel));
    if (others.length === 0) continue;
    console.log('\ninstead, without subgroups');
    say(costTable(others));
  }
}

/** Run comparisons with benny, one after another. */
async function compareAll(
  comparisons: readonly Comparison[],
  { folder, filter }: Pick<Setting, 'folder' | 'filter'>,
): Promise<void> {
  const named = comparisons.map((each) => ({ ...each, kernel: each.name, shape: '' }));
  for (const each of chosen(named, filter)) await compare(each, folder);
}

async function benchVariants(setting: Setting): Promise<void> {
  await compareAll(await variantComparisons(setting.device), setting);
}

async function benchOps(setting: Setting): Promise<void> {
  await compareAll(opComparisons(setting.device, kernelCases(setting)), setting);
}

async function benchPeers(setting: Setting): Promise<void> {
  const comparisons = await peerComparisons(setting.device, (library, reason) =>
    console.log(`skipped ${library}: ${reason.split('\n')[0]}`),
  );
  await compareAll(comparisons, setting);
}

async function benchReplay({ device, folder }: Setting): Promise<void> {
  const replays = await measureReplay(device);
  for (const { name, dispatches, eager, replayed } of replays) {
    const times = `${eager.toFixed(2)} ms of CPU time eager, ${replayed.toFixed(2)} ms replayed`;
    console.log(`${name}: ${dispatches} dispatches, ${times}: ${(eager / replayed).toFixed(1)} to 1`);
  }
  if (folder) saveResults(folder, 'replay', replays);
}

async function benchGrowth({ device, folder }: Setting): Promise<void> {
  const growth = await measureGrowth(device, progress);
  for (const { axis, sizes, times, exponent } of growth) {
    const steps = sizes.map((size, i) => `${size}: ${((times[i] ?? 0) * 1000).toFixed(1)} ms`);
    console.log(`${axis}: ${steps.join(', ')}; exponent ${exponent.toFixed(2)}`);
  }
  if (folder) saveResults(folder, 'growth', growth);
}

async function benchStartup({ folder }: Setting): Promise<void> {
  const startup = await measureStartup();
  const { warm, cold } = startup;
  console.log(
    `first training step after ${warm.toFixed(1)} s, after ${cold.toFixed(1)} s with a cold shader cache`,
  );
  if (folder) saveResults(folder, 'startup', startup);
}

async function benchReads(): Promise<void> {
  for (const { browser, milliseconds } of await measureReads())
    console.log(`${browser}: ${milliseconds.toFixed(1)} ms to read a few values`);
}

async function benchWorkers({ device, folder }: Setting): Promise<void> {
  if (!hasNatsServer) return;
  const results: ScalingResult[] = [];
  for (const each of SCALING_CASES) {
    const result = await measureScaling(device, each);
    console.log(shareText(result));
    results.push(result);
  }
  say(workersTable(results));
  if (folder) saveResults(folder, 'workers', results);
}

async function benchSwarm({ device, folder }: Setting): Promise<void> {
  if (!hasNatsServer) return;
  const swarm = await measureSwarm(device, SWARM);
  for (const line of swarmText(swarm)) console.log(line);
  if (folder) saveResults(folder, 'swarm', swarm);
}

async function benchEndurance({ device, folder }: Setting): Promise<void> {
  if (!hasNatsServer) return;
  const looks = await measureEndurance(device);
  say(enduranceTable(looks));
  if (folder) saveResults(folder, 'endurance', looks);
}

export const SUITES = {
  kernels: benchKernels,
  variants: benchVariants,
  ops: benchOps,
  peers: benchPeers,
  replay: benchReplay,
  steps: benchSteps,
  costs: benchCosts,
  growth: benchGrowth,
  startup: benchStartup,
  reads: benchReads,
  workers: benchWorkers,
  swarm: benchSwarm,
  endurance: benchEndurance,
} as const satisfies Readonly<Record<string, (setting: Setting) => Promise<void>>>;

type SuiteName = keyof typeof SUITES;

/** Suites whose cases can be filtered by name. */
const FILTERED: readonly SuiteName[] = ['kernels', 'variants', 'ops', 'peers', 'steps', 'costs'];

const isSuite = (name: string): name is SuiteName => Object.hasOwn(SUITES, name);

/**
 * Return the suites of these names; without names all of them, or with a filter the suite `kernels`.
 * @throws Error for an unknown name, with a filter for a suite that has no cases to filter, or with `count` for another than `steps`.
 */
export function chosenSuites(
  names: readonly string[],
  { filter, count = false }: { readonly filter?: string; readonly count?: boolean } = {},
): readonly SuiteName[] {
  const all = filter === undefined ? Object.keys(SUITES) : ['kernels'];
  return (names.length > 0 ? names : all).map((name) => {
    if (!isSuite(name)) {
      throw new Error(`there is no suite '${name}': use ${Object.keys(SUITES).join(', ')}`);
    }
    if (filter !== undefined && !FILTERED.includes(name)) {
      throw new Error(`--filter works only with ${FILTERED.join(', ')}: leave '${name}' out`);
    }
    if (count && name !== 'steps') throw new Error(`--count works only with steps: leave '${name}' out`);
    return name;
  });
}
