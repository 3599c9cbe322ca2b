/**
 * `npm run bench [-- kernels|variants|ops|peers|replay|steps|growth|startup]`: how close every kernel and every step is to
 * what the adapter can do, and, by benny, comparisons of kernel variants, ops and other libraries. Results go to
 * bench/results/<adapter>/ as JSON, and together on one page, report.html.
 *
 * `npm run bench -- kernels --filter TEXT`: only the cases (or comparisons) whose name or shape contains TEXT; nothing is saved.
 *
 * `npm run bench -- compare A B`: two kernels.json (or steps.json) side by side, in units of what each adapter could do
 * at best. `npm run bench -- report FOLDER` writes the page anew.
 */
import { mkdirSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { Device } from '../src/gpu/device.ts';
import { type OpenedAdapter, openAdapter } from '../src/gpu/node.ts';
import { cpuModel } from '../src/runs/provenance.ts';
import { compareFiles } from './compare.ts';
import { writeReport } from './report.ts';
import { resultsFolder } from './results.ts';
import { chosenSuites, SUITES } from './suites.ts';

interface Flags {
  readonly filter?: string;
  readonly rounds?: number;
  readonly save: boolean;
}

/** Opens a device with the same kernels on the adapter again when it is first asked for. Dawn rounds timestamps to 65 µs unless told not to. */
function profilingDevice({ shortLoops }: Device) {
  let opened: Promise<Device> | undefined;
  const open = async (): Promise<Device> => {
    const { adapter } = await openAdapter({ disableToggles: ['timestamp_quantization'] });
    return Device.open(adapter, { profile: true, shortLoops });
  };
  return {
    get: (): Promise<Device> => {
      opened ??= open();
      return opened;
    },
    destroy: async (): Promise<void> => (await opened)?.destroy(),
  };
}

/** The adapter's description; of software with its CPU, and with the loops that it prefers, which tell CPUs of one name apart. */
function nameOf({ description, kind }: OpenedAdapter, { shortLoops }: Device): string {
  if (kind === 'hardware') return description;
  return `${description} on ${cpuModel()}${shortLoops ? ', short loops' : ''}`;
}

async function bench(names: readonly string[], flags: Flags): Promise<void> {
  const suites = chosenSuites(names, flags.filter);
  const opened = await openAdapter();
  const device = await Device.open(opened.adapter);
  const adapter = nameOf(opened, device);
  const profiled = profilingDevice(device);
  const folder = resultsFolder(adapter, flags);
  if (folder) mkdirSync(folder, { recursive: true });
  const setting = {
    ...{ device, adapter, folder, filter: flags.filter, rounds: flags.rounds },
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
  throw new InvalidArgumentError('give a whole number from 1 on');
}

const program = new Command('bench')
  .description(
    'measure kernels, captured and whole training steps, their growth and start-up on the adapter at hand, and compare ' +
      'kernel variants, ops and other libraries',
  )
  .argument('[suites...]', `${Object.keys(SUITES).join(', ')}; all unless given`)
  .option(
    '--filter <text>',
    'only the kernels, steps or comparisons whose name or shape contains this; saves nothing',
  )
  .option('--rounds <number>', 'of kernels and steps', positive)
  .option('--no-save', 'leave the results of earlier runs as they are')
  .action(bench);
program
  .command('compare')
  .description('two kernels.json or steps.json side by side')
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
await program.parseAsync().catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
});
