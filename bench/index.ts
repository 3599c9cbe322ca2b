/**
 * `npm run bench [-- kernels|variants|ops|peers|replay|steps|costs|growth|startup|reads|workers|swarm|endurance]`: measure how close every kernel
 * and every step comes to the limits of the adapter, compare kernel variants, ops and other libraries with benny, and load a
 * trainer and a NATS server with simulated workers. Results are saved in bench/results/<adapter>/ as JSON, and on one page, report.html.
 *
 * `npm run bench -- kernels --filter TEXT`: run only the cases (or comparisons) whose name or shape contains TEXT, and
 * save nothing. `npm run bench -- steps --count`: only count the dispatches of steps, here and on GPUs; it takes seconds. `npm run bench -- costs`:
 * count from the WGSL of kernels what they hold, move and compute on a GPU.
 *
 * `npm run bench -- share`: run tests, tuner and benchmarks on a GPU, and leave one file to attach to an issue; `show FILE` prints it.
 *
 * `npm run bench -- compare A B`: compare two kernels.json (or steps.json) side by side, relative to the limits of each
 * adapter. `npm run bench -- report FOLDER`: write the page again.
 */
import { mkdirSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Device } from '../src/gpu/device.ts';
import { type OpenedAdapter, openAdapter } from '../src/gpu/node.ts';
import { cpuModel } from '../src/runs/provenance.ts';
import { compareFiles } from './compare.ts';
import { writeReport } from './report.ts';
import { resultsFolder } from './results.ts';
import { share } from './share/index.ts';
import { PARTS, type PartName, readShared } from './share/results.ts';
import { showShared } from './share/show.ts';
import { chosenSuites, SUITES } from './suites.ts';

interface Flags {
  readonly filter?: string;
  readonly rounds?: number;
  readonly save: boolean;
  readonly count: boolean;
}

/**
 * Return a function that opens a profiling device on the same adapter, with the same kernels, at its first call. The device
 * turns off the rounding of timestamps, which is 65 µs in Dawn by default.
 */
function profilingDevice() {
  let opened: Promise<Device> | undefined;
  const open = async (): Promise<Device> => {
    const { adapter } = await openAdapter({ disableToggles: ['timestamp_quantization'] });
    return Device.open(adapter, { profile: true });
  };
  return {
    get: (): Promise<Device> => {
      opened ??= open();
      return opened;
    },
    destroy: async (): Promise<void> => (await opened)?.destroy(),
  };
}

/**
 * Return the name of the results' folder: the adapter's description. For an adapter that computes on the CPU, add
 * the CPU.
 */
function nameOf({ description, kind }: OpenedAdapter): string {
  return kind === 'hardware' ? description : `${description} on ${cpuModel()}`;
}

async function bench(names: readonly string[], flags: Flags): Promise<void> {
  const suites = chosenSuites(names.length === 0 && flags.count ? ['steps'] : names, flags);
  const opened = await openAdapter();
  const device = await Device.open(opened.adapter);
  const adapter = nameOf(opened);
  const profiled = profilingDevice();
  const folder = resultsFolder(adapter, flags);
  if (folder) mkdirSync(folder, { recursive: true });
  const setting = {
    ...{ device, adapter, folder, filter: flags.filter, rounds: flags.rounds, count: flags.count },
    profiled: profiled.get,
    software: opened.kind !== 'hardware',
  };
  for (const suite of suites) await SUITES[suite](setting);
  if (folder) console.log(`Report: ${writeReport(folder, adapter)}`);
  await profiled.destroy();
  device.destroy();
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('give an integer of at least 1');
}

const program = new Command('bench')
  .description(
    'measure kernels, training steps, their growth and the start-up on this adapter, and compare kernel variants, ops and ' +
      'other libraries',
  )
  .argument('[suites...]', `${Object.keys(SUITES).join(', ')} (default: all)`)
  .option(
    '--filter <text>',
    'run only the kernels, steps or comparisons whose name or shape contains this, and save nothing',
  )
  .option('--rounds <number>', 'rounds of timing kernels and steps', positive)
  .option('--count', 'only count the dispatches of steps, and save nothing', false)
  .option('--no-save', 'do not save the results: earlier ones stay unchanged')
  .action(bench);
program
  .command('compare')
  .description('compare two kernels.json or two steps.json')
  .argument('<a>')
  .argument('<b>')
  .action((a: string, b: string) => {
    for (const line of compareFiles(a, b)) console.log(line);
  });
program
  .command('report')
  .description('the page of a folder of results anew')
  .argument('<folder>')
  .action((folder: string) => console.log(`Report: ${writeReport(folder)}`));
program
  .command('share')
  .description('run tests, tuner and benchmarks on this adapter, and leave one file to attach to an issue')
  .option('--out <file>', 'path of the file', 'gpu-results.json')
  .option('--brief', 'small sizes and few rounds, to try it', false)
  .addOption(new Option('--parts <names...>', 'only some parts').choices(PARTS))
  .action(async (flags: { out: string; brief: boolean; parts?: PartName[] }) => {
    const problems = await share(flags);
    for (const problem of problems) console.error(`failed: ${problem}`);
    console.log(`Results: ${flags.out}. Read it with npm run bench -- show ${flags.out}`);
    console.log('Attach it to an issue of the kind "Results of a GPU".');
  });
program
  .command('show')
  .description('print the file of share as tables')
  .argument('<file>')
  .action((file: string) => {
    for (const line of showShared(readShared(file))) console.log(line);
  });
await program.parseAsync().catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
});
