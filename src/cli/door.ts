/** Start a command. Small: under `tsx` the process that answers signals loads nothing but this (supervisor.ts). */
import type { CommandName } from './program.ts';
import { superviseUnderTsx } from './supervisor.ts';

/** Commands that compute for long: a step may keep them from answering a signal in time. */
const LONG: readonly (string | undefined)[] = ['train', 'pretrain', 'grpo', 'resume', 'worker'];

/** Run the command of this name with the words of the command line. */
export async function open(name: CommandName): Promise<void> {
  if (LONG.includes(name) && (await superviseUnderTsx())) return;
  await (await import('./program.ts')).runNamed(name, process.argv.slice(2));
}

/** Run the command that the first word of the command line names. */
export async function openNamed(): Promise<void> {
  if (LONG.includes(process.argv[2]) && (await superviseUnderTsx())) return;
  await (await import('./program.ts')).runMathformer(process.argv.slice(2));
}
