/** What `npm run bench` can measure: each suite says what it found, and leaves it as JSON. */

import { columns } from '../src/cli/columns.ts';
import type { Device } from '../src/gpu/device.ts';
import { measureGrowth } from './growth.ts';
import { kernelCases, matching } from './kernels.ts';
import { measure } from './measure.ts';
import { measurePeers } from './peers.ts';
import { measureReplay } from './replay.ts';
import { type SuiteName, saveResults } from './results.ts';
import { measureStartup } from './startup.ts';
import { stepCases } from './stepCases.ts';
import { measureSteps } from './steps.ts';
import { ceilingText, kernelTable, shareTable, stepTable, type Table } from './tables.ts';

export interface Setting {
  readonly device: Device;
  /** A second device on the same adapter, which profiles. */
  readonly profiled: () => Promise<Device>;
  /** Whether the adapter is the CPU. */
  readonly software: boolean;
  /** The adapter's description. */
  readonly adapter: string;
  /** Where results go; nowhere if it is left out. */
  readonly folder: string | undefined;
  /** Measure only cases whose name or shape contains this. */
  readonly filter: string | undefined;
  readonly rounds: number | undefined;
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
  throw new Error(`nothing is called '${filter}': there are ${names.join('; ')}`);
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
  const options = rounds === undefined ? { progress } : { progress, rounds };
  const measured = await measureSteps(device, await setting.profiled(), cases, options);
  say(stepTable(measured.steps));
  console.log(`measured in the same run: ${ceilingText(measured.ceilings)}`);
  for (const { name, kernels } of measured.steps) {
    console.log(`\n${name}`);
    say(shareTable(kernels, KERNELS_SHOWN));
  }
  if (folder) saveResults(folder, 'steps', { adapter, ...measured });
}

async function benchPeers({ device, folder }: Setting): Promise<void> {
  const results = await measurePeers(device, (library, reason) =>
    console.log(`${library} is left out: ${reason.split('\n')[0]}`),
  );
  for (const { library, n, speed } of results) {
    const own = results.find((each) => each.n === n)?.speed ?? Number.NaN;
    const ratio = library === 'mathformer' ? '' : `: mathformer is ${(own / speed).toFixed(1)} times as fast`;
    console.log(`${n}³ by ${library}: ${speed.toFixed(1)} GFLOP/s${ratio}`);
  }
  if (folder) saveResults(folder, 'peers', results);
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

export const SUITES: { readonly [name in SuiteName]: (setting: Setting) => Promise<void> } = {
  kernels: benchKernels,
  peers: benchPeers,
  replay: benchReplay,
  steps: benchSteps,
  growth: benchGrowth,
  startup: benchStartup,
};

/** Suites made of cases that can be chosen by name. */
const FILTERED: readonly SuiteName[] = ['kernels', 'steps'];

const isSuite = (name: string): name is SuiteName => name in SUITES;

/**
 * The suites of these names; without names all, or those of kernels where cases are chosen.
 * @throws Error for a name that is none, or of a suite that has no cases to choose from.
 */
export function chosenSuites(names: readonly string[], filter: string | undefined): readonly SuiteName[] {
  const all = filter === undefined ? Object.keys(SUITES) : ['kernels'];
  return (names.length > 0 ? names : all).map((name) => {
    if (!isSuite(name)) {
      throw new Error(`there is no suite '${name}': use ${Object.keys(SUITES).join(', ')}`);
    }
    if (filter !== undefined && !FILTERED.includes(name)) {
      throw new Error(`--filter chooses cases of ${FILTERED.join(' and ')}: leave '${name}' out`);
    }
    return name;
  });
}
