/** Command lines to print: commands as they are called here, in the words of a shell. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { join } from 'shlex';

/** The commands of the project, each a file beside this one. */
export const COMMANDS = ['train', 'evaluate', 'generate', 'export', 'inspect', 'tune', 'doctor'] as const;
export type CommandName = (typeof COMMANDS)[number];

/** Words as one line for a shell, quoted where they have to be. */
export function commandLineOf(words: readonly string[]): string {
  return join([...words]);
}

/**
 * The line that calls a command with these words from the current directory: `npx tsx src/cli/train.ts …` in a
 * checkout of the sources, `npx mathformer-train …` where the package is installed.
 * @param here the URL of this module; its extension tells which of the two it is.
 */
export function invocation(
  command: CommandName,
  words: readonly string[],
  here: string = import.meta.url,
): string {
  const sources = here.endsWith('.ts');
  const script = fileURLToPath(new URL(`${command}.ts`, here));
  const start = sources ? ['npx', 'tsx', relative(process.cwd(), script)] : ['npx', `mathformer-${command}`];
  return commandLineOf([...start, ...words]);
}
