/**
 * The command line of `train.ts`: pretrains a tiny model and improves it with GRPO. `train.ts pretrain` and `train.ts grpo` run one part,
 * with settings of your own; `train.ts resume` goes on with a run. Every run has a directory with its config, metrics, summary and checkpoints.
 */
import { Command } from 'commander';
import type { z } from 'zod';
import { BadOptionError } from '../base/options.ts';
import { completed, givenOptions, readOptions } from './configFile.ts';
import { runCommand, throwing } from './failure.ts';
import { addFlags, filledOperand, readFlags, withUnderscores } from './flags.ts';
import { resumeFlags, resumeRun } from './resume.ts';
import { startingPoint } from './startingPoint.ts';
import { runGrpo, runPipeline, runPretraining } from './training.ts';
import { grpoFlags, pipelineFlags, pipelineSections, pretrainFlags } from './trainingFlags.ts';

const program = throwing(new Command('train'))
  .description(
    'Pretrains a tiny model on arithmetic, evaluates it, improves it with GRPO, and evaluates it again on the same ' +
      'held-out problems. The subcommands run one part with settings of your own.',
  )
  .usage('[options] | pretrain [options] | grpo --checkpoint <path> [options] | resume <run> [options]')
  // Flags behind a subcommand are the subcommand's.
  .enablePositionalOptions();
addFlags(program, pipelineFlags).action(() => {
  const [unknown] = program.args;
  if (unknown !== undefined) {
    const fix = 'give pretrain, grpo, resume, or nothing for pretraining and GRPO in turn';
    throw new BadOptionError('command', `there is no command '${unknown}'`, fix);
  }
  const { flags, sections } = readOptions(program, pipelineFlags, pipelineSections);
  return runPipeline(flags, sections);
});

const pretrain = program.command('pretrain').description('Supervised training on worked problems.');
addFlags(pretrain, pretrainFlags).action(() => {
  const { flags, notes } = begun(pretrain, pretrainFlags);
  return runPretraining(flags, undefined, notes);
});

const grpo = program.command('grpo').description('Improves a checkpoint with GRPO.');
addFlags(grpo, grpoFlags).action(() => {
  const { flags, notes } = begun(grpo, grpoFlags);
  return runGrpo(flags, undefined, notes);
});

const resume = program
  .command('resume')
  .description('Goes on with a run from its last checkpoint, with its own options.')
  .argument('<run>', 'directory of the run, finished, interrupted or killed', filledOperand);
addFlags(resume, resumeFlags).action((directory: string) =>
  resumeRun(directory, readFlags(resume, resumeFlags)),
);

// Last, as subcommands inherit it: an operand of the program itself is a command that does not exist.
program.allowExcessArguments();

await runCommand(program, withUnderscores(process.argv.slice(2)));

/** The options of a training, and lines on what they take from the checkpoint that it begins with. */
function begun<Schema extends z.ZodObject>(
  command: Command,
  schema: Schema,
): { readonly flags: z.output<Schema>; readonly notes: readonly string[] } {
  const { given } = givenOptions(command, schema);
  completed(schema, given); // A flag at fault is told before the checkpoint is read.
  const { over, beneath, notes } = startingPoint(given);
  return { flags: completed(schema, { ...given, ...over }, beneath), notes };
}
