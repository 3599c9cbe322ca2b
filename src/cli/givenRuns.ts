/** The runs that a command is given: directories of runs, and directories with runs below them. */
import { statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { BadOptionError } from '../base/options.ts';
import { printable } from '../formats/error.ts';
import { findRuns } from '../runs/findRuns.ts';
import { filledOperand } from './flags/flags.ts';

/** A run that a command is given. */
export interface GivenRun {
  /** Its path, as the command line has it. */
  readonly name: string;
  readonly directory: string;
}

/** Find the runs at and below some directories, each once. @throws BadOptionError for a path without any. */
export function givenRuns(paths: readonly string[]): readonly GivenRun[] {
  const found = new Map<string, GivenRun>();
  for (const path of paths) {
    const about = statSync(path, { throwIfNoEntry: false });
    const fix = 'give the directory of a run, or one with runs below it';
    if (!about?.isDirectory()) {
      const problem = `${printable(path)}: ${about ? 'it is no directory' : 'there is no such directory'}`;
      throw new BadOptionError('run', problem, fix);
    }
    const runs = findRuns(path);
    if (runs.length === 0) throw new BadOptionError('run', `${printable(path)}: there is no run`, fix);
    const isRun = runs.length === 1 && statSync(path).ino === statSync(runs[0]?.directory ?? path).ino;
    for (const { id, directory } of runs) {
      const name = isRun ? normalize(path).replace(/(?<=.)\/$/, '') : join(path, id);
      if (!found.has(directory)) found.set(directory, { name, directory });
    }
  }
  return [...found.values()];
}

/** Collect the operands of a command that takes several runs. @throws BadOptionError for an empty one. */
export const collectedRuns = (path: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  filledOperand(path),
];
