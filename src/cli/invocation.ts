/** Formats command lines that a user can copy into a shell. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { join } from 'shlex';

/** The commands that have a script of their own beside this file. */
export const COMMANDS = ['train', 'evaluate', 'generate', 'export', 'inspect', 'tune', 'doctor'] as const;
export type ScriptName = (typeof COMMANDS)[number];

/** Join words to one line for a shell, quoted where necessary. */
export function commandLineOf(words: readonly string[]): string {
  return join([...words]);
}

/**
 * Format the line that calls a command from the current directory: `npx tsx src/cli/train.ts …` in a checkout,
 * `npx mathformer-train …` where the package is installed.
 * @param here the URL of this module; its extension tells the two cases apart.
 */
export function invocation(
  command: ScriptName,
  words: readonly string[],
  here: string = import.meta.url,
): string {
  const sources = here.endsWith('.ts');
  const script = fileURLToPath(new URL(`${command}.ts`, here));
  const start = sources ? ['npx', 'tsx', relative(process.cwd(), script)] : ['npx', `mathformer-${command}`];
  return commandLineOf([...start, ...words]);
}
