/**
 * `npm run bench [-- kernels|peers|replay|steps|growth|startup]`: how close every kernel and every step is to what the adapter can do. Results
 * go to bench/results/<adapter>/ as JSON, those of kernels also as a page with a plot.
 *
 * `npm run bench -- compare A B`: two kernels.json side by side, in units of what each adapter could do at best.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { Device } from '../src/gpu/device.ts';
import { openAdapter } from '../src/gpu/node.ts';
import { compareFiles } from './compare.ts';
import { measureGrowth } from './growth.ts';
import { kernelCases } from './kernels.ts';
import { measure } from './measure.ts';
import { measurePeers } from './peers.ts';
import { measureReplay } from './replay.ts';
import { growthReport, kernelReport, kernelTable } from './report.ts';
import { measureStartup } from './startup.ts';
import { benchSteps } from './steps.ts';

interface Setting {
  readonly device: Device;
  /** Where results go. */
  readonly folder: string;
  /** The adapter's description. */
  readonly title: string;
}

const progress = (round: number, rounds: number): void => {
  process.stderr.write(`\rround ${round + 1} of ${rounds}${round + 1 === rounds ? '\n' : ''}`);
};

async function benchKernels({ device, folder, title }: Setting): Promise<void> {
  const measured = await measure(device, kernelCases(device), progress);
  for (const line of kernelTable(measured)) console.log(line);
  writeFileSync(`${folder}/kernels.json`, `${JSON.stringify({ adapter: title, ...measured }, null, 2)}\n`);
  writeFileSync(`${folder}/kernels.html`, kernelReport(title, measured));
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
  writeFileSync(`${folder}/peers.json`, `${JSON.stringify(results, null, 2)}\n`);
}

async function benchReplay({ device, folder }: Setting): Promise<void> {
  const replays = await measureReplay(device);
  for (const { name, dispatches, eager, replayed } of replays) {
    const times = `${eager.toFixed(2)} ms of CPU time eager, ${replayed.toFixed(2)} ms replayed`;
    console.log(`${name}: ${dispatches} dispatches, ${times}: ${(eager / replayed).toFixed(1)} to 1`);
  }
  writeFileSync(`${folder}/replay.json`, `${JSON.stringify(replays, null, 2)}\n`);
}

async function benchGrowth({ device, folder, title }: Setting): Promise<void> {
  const growth = await measureGrowth(device, progress);
  for (const { axis, sizes, times, exponent } of growth) {
    const steps = sizes.map((size, i) => `${size}: ${((times[i] ?? 0) * 1000).toFixed(1)} ms`);
    console.log(`${axis}: ${steps.join(', ')}; exponent ${exponent.toFixed(2)}`);
  }
  writeFileSync(`${folder}/growth.json`, `${JSON.stringify(growth, null, 2)}\n`);
  writeFileSync(`${folder}/growth.html`, growthReport(title, growth));
}

async function benchStartup({ folder }: Setting): Promise<void> {
  const startup = await measureStartup();
  const { warm, cold } = startup;
  console.log(
    `first training step after ${warm.toFixed(1)} s, after ${cold.toFixed(1)} s with a cold shader cache`,
  );
  writeFileSync(`${folder}/startup.json`, `${JSON.stringify(startup, null, 2)}\n`);
}

const SUITES = {
  kernels: benchKernels,
  peers: benchPeers,
  replay: benchReplay,
  steps: ({ device, folder, title }: Setting) => benchSteps(device, folder, title),
  growth: benchGrowth,
  startup: benchStartup,
} as const;

const isSuite = (name: string): name is keyof typeof SUITES => name in SUITES;

async function bench(names: readonly string[]): Promise<void> {
  const suites = (names.length > 0 ? names : Object.keys(SUITES)).map((name) => {
    if (isSuite(name)) return SUITES[name];
    throw new Error(`there is no suite '${name}': use ${Object.keys(SUITES).join(', ')}`);
  });
  const { adapter, description: title } = await openAdapter();
  const device = await Device.open(adapter);
  const name = title.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '');
  const folder = `bench/results/${name.slice(0, 60)}`;
  mkdirSync(folder, { recursive: true });
  for (const suite of suites) await suite({ device, folder, title });
  device.destroy();
}

const program = new Command('bench')
  .description(
    'measure kernels, captured and whole training steps, their growth and start-up on the adapter at hand',
  )
  .argument('[suites...]', `${Object.keys(SUITES).join(', ')}; all unless given`)
  .action(bench);
program
  .command('compare')
  .description('two kernels.json side by side')
  .argument('<a>')
  .argument('<b>')
  .action((a: string, b: string) => {
    for (const line of compareFiles(a, b)) console.log(line);
  });
await program.parseAsync().catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
});
