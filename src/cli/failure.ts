/**
 * Runs a command line so that every end is a clean one. Exit codes: 0, 1 for a failure, 2 for a command line that
 * cannot work; 130, 143 and 129 are those of Ctrl-C, SIGTERM and SIGHUP. A foreseen failure is one line, `error: … — what to do`.
 */
import { type Command, CommanderError } from 'commander';
import { withoutFix } from '../errors.ts';
import { ExpressionError } from '../math/expression.ts';
import { BadOptionError } from '../options.ts';

/** Parses and runs; sets `process.exitCode` instead of throwing. `argv` holds what follows the script's name. */
export async function runCommand(program: Command, argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) ignoreClosedPipe(stream);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return; // --help
    process.exitCode = isUsage(error) ? 2 : 1;
    process.stderr.write(`${failureText(error)}\n`);
  }
}

/** Makes a program throw what it would print and exit with; call it before adding subcommands, which inherit it. */
export function throwing(program: Command): Command {
  return program.exitOverride().configureOutput({ outputError: () => undefined });
}

/** The line for a foreseen failure; for any other also how to find its cause. */
export function failureText(error: unknown): string {
  if (error instanceof CommanderError) return usageText(error);
  if (!(error instanceof Error)) return `error: ${oneLine(String(error))}`;
  if ('fix' in error && typeof error.fix === 'string') {
    return `error: ${oneLine(withoutFix(error.message, error.fix))} — ${oneLine(error.fix)}`;
  }
  // Errors of the expression language tell position and expectation, and need no further advice.
  if (error instanceof ExpressionError) return `error: ${oneLine(error.message)} — correct the expression`;
  const line = `error: ${oneLine(error.message) || error.name}`;
  if (process.env.MATHFORMER_DEBUG === '1') return `${line}\n${error.stack ?? ''}`;
  return `${line} — this was not foreseen; run it again with MATHFORMER_DEBUG=1 to see where it happens`;
}

function isUsage(error: unknown): boolean {
  return [BadOptionError, CommanderError, ExpressionError].some((type) => error instanceof type);
}

function usageText({ message }: CommanderError): string {
  const [what = '', hint] = message.split('\n');
  const fix = hint ? hint.replace(/^\(|\)$/g, '').replace(/^Did/, 'did') : 'see --help';
  return `${what} — ${fix}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}

/** `train | head` must not end the training. */
function ignoreClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
