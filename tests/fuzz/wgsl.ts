/**
 * `npm run fuzz:wgsl -- --runs 10000 --seed 0`: run random WGSL programs, and compare what they compute with the evaluator of the
 * specification. `--kind` selects programs, `--judge` what runs them. At the first difference, print the smallest program that
 * shows it, with its seed, and exit with code 1. No file is written.
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import { compiled, interpreted, type Judge, onDevice, openDawn } from '../gpu/adapters/wasm/fuzz/judges.ts';
import { failureOf, KINDS } from '../gpu/adapters/wasm/fuzz/property.ts';

const KIND_NAMES = Object.keys(KINDS) as (keyof typeof KINDS)[];

/** Programs between two lines of progress; each part has a seed of its own. */
const PART = 200;

function natural(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('not a natural number');
  return value;
}

async function dawn(): Promise<Judge> {
  const device = await openDawn();
  if (!device) throw new Error('Dawn found no software driver of the system: install Mesa’s lavapipe');
  return onDevice(device);
}

const JUDGES: Readonly<Record<string, () => Judge | Promise<Judge>>> = {
  compiled: () => compiled,
  interpreted: () => interpreted,
  dawn,
};

const { runs, seed, kind, judge } = new Command('fuzz:wgsl')
  .option('--runs <number>', 'programs of each kind', natural, 1000)
  .option('--seed <number>', 'of the random choices', natural, 0)
  .addOption(new Option('--kind <name>', 'one kind alone').choices(KIND_NAMES))
  .addOption(new Option('--judge <name>', 'what runs them').choices(Object.keys(JUDGES)).default('compiled'))
  .parse()
  .opts<{ runs: number; seed: number; kind?: keyof typeof KINDS; judge: string }>();

const runsPrograms = await JUDGES[judge]();
for (const name of kind ? [kind] : KIND_NAMES) {
  // The others may leave a result that depends on rounding, or on where an index out of range leads.
  const inRange = judge === 'compiled' ? {} : { inRange: true };
  const floats = judge === 'dawn' ? { floats: false } : {};
  for (let done = 0; done < runs; done += PART) {
    const numRuns = Math.min(PART, runs - done);
    const failure = await failureOf(
      runsPrograms,
      { ...KINDS[name], ...inRange, ...floats },
      { seed: seed + done, numRuns },
    );
    if (failure) {
      console.error(`--kind ${name} --judge ${judge} --seed ${seed + done} --runs ${numRuns}\n${failure}`);
      process.exit(1);
    }
    console.log(`${name}: ${done + numRuns} programs`);
  }
}
process.exit(0);
