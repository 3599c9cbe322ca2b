/** `pretrain`: supervised training on worked problems. */
import { Command } from 'commander';
import { throwing } from '../failure.ts';
import { addFlags } from '../flags/flags.ts';
import { pretrainFlags } from '../flags/trainingFlags.ts';
import { startingOptions } from '../startingPoint.ts';
import { runPretraining } from '../training.ts';

/** Build `pretrain [options]`. */
export function pretrainCommand(): Command {
  const command = throwing(new Command('pretrain')).description('Supervised training on worked problems.');
  return addFlags(command, pretrainFlags).action(() => {
    const { flags, notes } = startingOptions(command, pretrainFlags);
    return runPretraining(flags, undefined, notes);
  });
}
