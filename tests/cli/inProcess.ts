/** Runs a command line of src/cli within the test's own process: quick, and what the test mocks stays mocked. */
import { vi } from 'vitest';
import { type CommandName, runNamed } from '../../src/cli/program.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Thrown in place of the end of the process. */
class Exit extends Error {}

/** Runs the command of this name with these words behind it. */
export async function run(command: CommandName, ...args: string[]): Promise<Ended> {
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
  process.argv = [process.execPath, `src/cli/${command}.ts`, ...args];
  process.exitCode = undefined;
  try {
    return await runNamed(command, args);
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    return { ...said, code: Number(process.exitCode ?? 0) };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.argv = argv;
    process.exitCode = exitCode;
  }
}
