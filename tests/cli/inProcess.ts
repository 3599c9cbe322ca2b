/** Run a command line of src/cli in the test's process: fast, and the test's mocks apply. */
import { vi } from 'vitest';
import { type CommandName, runMathformer, runNamed } from '../../src/cli/program.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Thrown instead of ending the process. */
class Exit extends Error {}

/** Run the command of this name with these arguments. */
export function run(command: CommandName, ...args: string[]): Promise<Ended> {
  return endOf(`src/cli/${command}.ts`, args, () => runNamed(command, args));
}

/** Runs `mathformer` with these words behind it. */
export function mathformer(...argv: string[]): Promise<Ended> {
  return endOf('src/cli/main.ts', argv, () => runMathformer(argv));
}

async function endOf(script: string, args: readonly string[], work: () => Promise<never>): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const hear = (stream: 'stdout' | 'stderr') =>
    vi.spyOn(process[stream], 'write').mockImplementation(((text: string, written?: () => void) => {
      said[stream] += text;
      written?.();
      return true;
    }) as typeof process.stdout.write);
  const spies = [
    hear('stdout'),
    hear('stderr'),
    vi.spyOn(process, 'exit').mockImplementation(() => {
      throw new Exit();
    }),
    // What listens until the process ends would listen to the tests that follow.
    ...[process, process.stdout, process.stderr].map((each: NodeJS.EventEmitter) =>
      vi.spyOn(each, 'on').mockReturnThis(),
    ),
  ];
  const { argv, exitCode } = process;
  process.argv = [process.execPath, script, ...args];
  process.exitCode = undefined;
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    return { ...said, code: Number(process.exitCode ?? 0) };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.argv = argv;
    process.exitCode = exitCode;
  }
}
