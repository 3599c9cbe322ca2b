/** `grpo`: improves a checkpoint with GRPO. */
import { Command } from 'commander';
import { throwing } from '../failure.ts';
import { addFlags } from '../flags/flags.ts';
import { grpoFlags } from '../flags/trainingFlags.ts';
import { startingOptions } from '../startingPoint.ts';
import { runGrpo } from '../training.ts';

/** Build `grpo [options]`. */
export function grpoCommand(): Command {
  const command = throwing(new Command('grpo')).description('Improves a checkpoint with GRPO.');
  return addFlags(command, grpoFlags).action(() => {
    const { flags, notes } = startingOptions(command, grpoFlags);
    return runGrpo(flags, undefined, notes);
  });
}
