/**
 * `npm run learning -- run [NAME…]`: perform the trials whose names begin with NAME and that have no result yet.
 * `npm run learning -- list [NAME…]`: list the trials. `npm run learning -- report`: make tables and plots of the results.
 */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { type Start, type Trial, trialName, trialsOf } from './experiment.ts';
import { perform } from './perform.ts';
import { writeReport } from './report.ts';
import { resultPath } from './savedRun.ts';
import { startNamed } from './starts.ts';
import { EXPERIMENTS } from './table.ts';
import { checkpointOf } from './trainings.ts';

function chosen(prefixes: readonly string[]): readonly Trial[] {
  const all = EXPERIMENTS.flatMap(trialsOf);
  const found = all.filter(
    (trial) => prefixes.length === 0 || prefixes.some((prefix) => trialName(trial).startsWith(prefix)),
  );
  if (found.length === 0)
    throw new Error(`there is no trial that begins with ${prefixes.join(' or ')}: see \`list\``);
  return found;
}

const startOf = ({ experiment }: Trial): Start => startNamed(experiment.start);

async function run(prefixes: readonly string[], { parallel }: { readonly parallel: string }): Promise<void> {
  const queue = chosen(prefixes).filter((trial) => !existsSync(resultPath(trial)));
  // Pretrain the starts first, one after another, as several trials share them.
  for (const start of new Set(queue.map(startOf))) await checkpointOf(start);
  const work = async (): Promise<void> => {
    for (let trial = queue.shift(); trial; trial = queue.shift()) {
      const started = performance.now();
      try {
        const path = await perform(trial, startOf(trial));
        console.log(`${path} (${Math.round((performance.now() - started) / 1000)} s)`);
      } catch (error) {
        console.error(`${trialName(trial)}: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
  };
  await Promise.all(Array.from({ length: Number(parallel) }, work));
}

function list(prefixes: readonly string[]): void {
  for (const trial of chosen(prefixes))
    console.log(`${existsSync(resultPath(trial)) ? 'done' : '    '} ${trialName(trial)}`);
}

const program = new Command('learning').description('the experiments of docs/LEARNING.md');
program
  .command('run')
  .argument('[names...]', 'beginnings of names; all unless given')
  .option('--parallel <number>', 'trainings at the same time', '1')
  .action(run);
program.command('report').action(() => writeReport());
program.command('list').argument('[names...]').action(list);
await program.parseAsync().catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
});
