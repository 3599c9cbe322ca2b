/**
 * `npm run chaos`: train with workers over a real server while processes are killed and stopped and connections fail, in
 * each scenario --kills times. The run must become what it becomes without workers, to the bit: metrics, weights, moments,
 * answers; no process may be left. The exit code is 1 if a check fails. `--only NAME` plays one scenario, `--list` names them.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { BadOptionError, integer, oneOf, seed, yesOrNo } from '../../src/base/options.ts';
import { columns } from '../../src/cli/columns.ts';
import { runCommand, throwing } from '../../src/cli/failure.ts';
import { addFlags, readFlags } from '../../src/cli/flags/flags.ts';
import { hasNatsServer } from '../cluster/natsServer.ts';
import { differences, type Expected, expectedOf, type Played, type PlayOptions, play } from './play.ts';
import { SCENARIO_NAMES, SCENARIOS, type ScenarioName } from './scenarios.ts';

const flagsSchema = z.strictObject({
  kills: integer(1, 1000).default(5).describe('times that each scenario kills or disturbs'),
  steps: integer(4, 100_000).default(60).describe('steps of the training'),
  staleness: integer(0, 64).default(0).describe('steps by which the weights that sample may be behind'),
  seed: seed().default(0).describe('seed of the moments'),
  only: oneOf(SCENARIO_NAMES).optional().describe('play this scenario alone'),
  list: yesOrNo().default(false).describe('print the scenarios, and play none'),
});

/** Play a scenario and print what came of it. Return true if all is as it must be. */
async function report(name: ScenarioName, options: PlayOptions, expected: Expected): Promise<boolean> {
  try {
    const played = await play(SCENARIOS[name], options, expected);
    if (typeof played === 'string') {
      console.log(`${name}: skipped: ${played}`);
      return true;
    }
    const different = differences(played.traces, expected);
    console.log(lineOf(name, played, different));
    return different.length === 0;
  } catch (error) {
    console.log(`${name}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

function lineOf(name: string, { traces, results, seconds }: Played, different: readonly string[]): string {
  const verdict = different.length === 0 ? 'the same' : `DIFFERENT ${different.join(', ')}`;
  return `${name}: ${traces.steps.length} steps, ${results} results of workers, ${Math.round(seconds)} s: ${verdict}`;
}

async function run({ only, list, ...options }: z.output<typeof flagsSchema>): Promise<void> {
  const names = only ? [only] : SCENARIO_NAMES;
  if (list) {
    for (const line of columns(
      names.map((name) => [name, SCENARIOS[name].about]),
      2,
    ))
      console.log(line);
    return;
  }
  if (!hasNatsServer)
    throw new BadOptionError('chaos', 'there is no nats-server', 'apt-get install nats-server');
  const expected = await expectedOf(options);
  const { steps, hashes } = expected.traces;
  console.log(
    `without workers: ${steps.length} steps, ${Math.round(expected.seconds)} s; SHA-256 of the last checkpoint:`,
  );
  for (const [file, hash] of Object.entries(hashes)) console.log(`  ${hash}  ${file}`);
  let isWhole = true;
  for (const name of names) isWhole = (await report(name, options, expected)) && isWhole;
  if (!isWhole) process.exitCode = 1;
}

const program = throwing(new Command('chaos')).description(
  'Kills, stops and cuts off trainers, workers and the server, and checks that the run is the same.',
);
addFlags(program, flagsSchema).action(() => run(readFlags(program, flagsSchema)));
await runCommand(program, process.argv.slice(2));
