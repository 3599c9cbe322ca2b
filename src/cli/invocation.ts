/** Formats command lines that a user can copy into a shell. */
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { join } from 'shlex';

/** The commands that have a script of their own beside this file. */
export const COMMANDS = ['train', 'evaluate', 'generate', 'export', 'inspect', 'tune', 'doctor'] as const;
export type ScriptName = (typeof COMMANDS)[number];
/** Commands that only the program has which has all. */
const WITHOUT_SCRIPT = ['cluster', 'worker'] as const;

/** Join words to one line for a shell, quoted where necessary. */
export function commandLineOf(words: readonly string[]): string {
  return join([...words]);
}

/** File names of the program that has all commands: in a checkout, compiled, and installed. */
const WHOLE: readonly string[] = ['main.ts', 'main.js', 'mathformer'];
/** Commands of `train` that the program has itself. */
const PARTS: readonly (string | undefined)[] = ['pretrain', 'grpo', 'resume'];

/**
 * Format the line that calls a command from the current directory, as the user has called this one: by the program that has all
 * commands (`npx tsx src/cli/main.ts train …` in a checkout, `npx mathformer train …` where the package is installed), or by
 * the command's own script (`npx tsx src/cli/train.ts …`, `npx mathformer-train …`).
 * @param here the URL of this module; its extension tells a checkout from a package.
 * @param called the path of the script that was called.
 */
export function invocation(
  command: ScriptName | (typeof WITHOUT_SCRIPT)[number],
  words: readonly string[],
  here: string = import.meta.url,
  called = process.argv[1] ?? '',
): string {
  const isWhole = WHOLE.includes(basename(called)) || WITHOUT_SCRIPT.some((name) => name === command);
  const name = isWhole ? 'main' : command;
  const own = isWhole && !(command === 'train' && PARTS.includes(words[0])) ? [command] : [];
  const script = relative(process.cwd(), fileURLToPath(new URL(`${name}.ts`, here)));
  const installed = isWhole ? 'mathformer' : `mathformer-${command}`;
  const start = here.endsWith('.ts') ? ['npx', 'tsx', script] : ['npx', installed];
  return commandLineOf([...start, ...own, ...words]);
}
