/**
 * Runs a command line and ends the process cleanly. Exit codes: 0; 1 for a failure; 2 for a command line that cannot work; 130,
 * 143 and 129 after Ctrl-C, SIGTERM and SIGHUP. A foreseen failure is one line, `error: … — what to do`.
 */
import { type Command, CommanderError } from 'commander';
import { withoutFix } from '../base/errors.ts';
import { BadOptionError } from '../base/options.ts';
import { fileErrorOf, isSystemError } from '../runs/fileError.ts';
import { adviceFor } from './advice.ts';
import { Outputs } from './outputs.ts';

/**
 * Parse, run, and end the process: a user's module may have left a timer or a socket open.
 * @param argv the words behind the command's name.
 */
export async function runCommand(program: Command, argv: readonly string[]): Promise<never> {
  const outputs = new Outputs();
  // Thrown by such a timer, or a promise that nobody awaits: there is no way back to the work.
  process.on('uncaughtException', (error) => {
    tell(error, program);
    process.exit();
  });
  await told(program, () => program.parseAsync([...argv], { from: 'user' }));
  await told(program, () => outputs.flush());
  process.exit();
}

/** Run the work; print its error and set the exit code. */
async function told(program: Command, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return; // --help
    tell(error, program);
  }
}

function tell(error: unknown, program: Command): void {
  const isUsage = error instanceof BadOptionError || error instanceof CommanderError;
  process.exitCode = isUsage ? 2 : 1;
  process.stderr.write(`${failureText(error, commandOf(program))}\n`);
}

/** Make a command throw its errors instead of printing them and exiting. Subcommands inherit it: call it before adding them. */
export function throwing(program: Command): Command {
  return program.exitOverride().configureOutput({ outputError: () => undefined });
}

/** Return the subcommand that was called, or the program itself. */
function commandOf(program: Command): Command {
  return program.commands.find((command) => command.name() === program.args[0]) ?? program;
}

/**
 * Format a failure as one line. A failure that was not foreseen also says how to find its cause.
 * @param command the command that failed, if known: advice names its flags.
 */
export function failureText(error: unknown, command?: Command): string {
  if (error instanceof CommanderError) return usageText(error);
  if (!(error instanceof Error)) return `error: ${oneLine(String(error))}`;
  if ('fix' in error && typeof error.fix === 'string') {
    const flags = command?.options.flatMap(({ long }) => long ?? []);
    const fix = flags ? adviceFor(error.fix, flags) : error.fix;
    return `error: ${oneLine(withoutFix(error.message, error.fix))} — ${oneLine(fix)}`;
  }
  if (isSystemError(error)) return failureText(fileErrorOf(error));
  const line = `error: ${oneLine(error.message) || error.name}`;
  if (process.env.MATHFORMER_DEBUG === '1') return `${line}\n${error.stack ?? ''}`;
  return `${line} — this was not foreseen; run it again with MATHFORMER_DEBUG=1 to see where it happens`;
}

function usageText({ message }: CommanderError): string {
  const [what = '', hint] = message.split('\n');
  const fix = hint ? hint.replace(/^\(|\)$/g, '').replace(/^Did/, 'did') : 'see --help';
  return `${what} — ${fix}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}
