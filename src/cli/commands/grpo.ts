/** `grpo`: improves a checkpoint with GRPO. */
import { Command } from 'commander';
import { throwing } from '../failure.ts';
import { onTask } from '../flags/taskFlags.ts';
import { grpoFlags } from '../flags/trainingFlags.ts';
import { runGrpo } from '../runTrainings.ts';
import { startingOptions } from '../startingPoint.ts';

/** Build `grpo [options]`. @param argv the words behind it. */
export function grpoCommand(argv: readonly string[]): Promise<Command> {
  const command = throwing(new Command('grpo')).description('Improves a checkpoint with GRPO.');
  return onTask(command, argv, {
    schema: grpoFlags,
    use: 'other',
    run(task) {
      const { flags, options, notes } = startingOptions(command, grpoFlags, task);
      return runGrpo(flags, { definition: task.definition, options }, undefined, notes);
    },
  });
}
