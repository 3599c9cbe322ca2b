/** `pretrain`: supervised training on worked problems. */
import { Command } from 'commander';
import { throwing } from '../failure.ts';
import { onTask } from '../flags/taskFlags.ts';
import { pretrainFlags } from '../flags/trainingFlags.ts';
import { runPretraining } from '../runTrainings.ts';
import { startingOptions } from '../startingPoint.ts';

/** Build `pretrain [options]`. @param argv the words behind it. */
export function pretrainCommand(argv: readonly string[]): Promise<Command> {
  const command = throwing(new Command('pretrain')).description('Supervised training on worked problems.');
  return onTask(command, argv, {
    schema: pretrainFlags,
    use: 'pretraining',
    run(task) {
      const { flags, options, notes } = startingOptions(command, pretrainFlags, task);
      return runPretraining(flags, { definition: task.definition, options }, undefined, notes);
    },
  });
}
