/** `train`: pretrains a tiny model and improves it with GRPO. Its subcommands run one part, or resume a run. */
import { Command } from 'commander';
import { BadOptionError } from '../../base/options.ts';
import { throwing } from '../failure.ts';
import { readOptions } from '../flags/configFile.ts';
import { addFlags } from '../flags/flags.ts';
import { pipelineFlags, pipelineSections } from '../flags/trainingFlags.ts';
import { runPipeline } from '../runTrainings.ts';
import { grpoCommand } from './grpo.ts';
import { pretrainCommand } from './pretrain.ts';
import { resumeCommand } from './resume.ts';

/** Build `train [pretrain | grpo | resume]`. @param argv the words behind it. */
export async function trainCommand(argv: readonly string[]): Promise<Command> {
  const command = throwing(new Command('train'))
    .description(
      'Pretrains a tiny model on arithmetic, evaluates it, improves it with GRPO, and evaluates it again on the same ' +
        'held-out problems. The subcommands run one part with settings of your own.',
    )
    .usage('[options] | pretrain [options] | grpo --checkpoint <path> [options] | resume <run> [options]')
    // Flags behind a subcommand are the subcommand's.
    .enablePositionalOptions()
    // An operand of the program itself is a command that does not exist.
    .allowExcessArguments();
  addFlags(command, pipelineFlags).action(() => {
    const [unknown] = command.args;
    if (unknown !== undefined) {
      const fix = 'give pretrain, grpo, resume, or nothing for pretraining and GRPO in turn';
      throw new BadOptionError('command', `there is no command '${unknown}'`, fix);
    }
    const { flags, sections } = readOptions(command, pipelineFlags, pipelineSections);
    return runPipeline(flags, sections);
  });
  const wordsOf = (part: string): readonly string[] => {
    const at = argv.findIndex((word) => !word.startsWith('-'));
    return argv[at] === part ? argv.slice(at + 1) : [];
  };
  command.addCommand(await pretrainCommand(wordsOf('pretrain')));
  command.addCommand(await grpoCommand(wordsOf('grpo')));
  command.addCommand(resumeCommand());
  return command;
}
