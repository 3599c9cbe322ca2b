/** A run to resume: its directory, and its config.json. */
import { join } from 'node:path';
import { BadOptionError } from '../base/options.ts';
import { printable } from '../formats/error.ts';
import { type RunConfig, runConfigSchema } from '../training/runConfig.ts';
import { readJsonObject } from './flags/jsonFile.ts';

/** A run to resume. */
export interface EarlierRun {
  readonly directory: string;
  readonly config: RunConfig;
  /** The CSV file to continue instead of the run's own, '' for none. */
  readonly csv?: string | undefined;
  /** The flags of the command that resumes it. */
  readonly flags: readonly string[];
}

/** Read the config of a run. @throws FileError; BadOptionError if it is not that of a training. */
export function readRunConfig(directory: string): RunConfig {
  const path = join(directory, 'config.json');
  const { data, error } = runConfigSchema.safeParse(readJsonObject('run', path));
  if (data) return data;
  const key = printable(error.issues[0]?.path.join('.') ?? '');
  const fix = 'give the directory of a training run, such as runs/2026-01-31T12-00-00-grpo';
  throw new BadOptionError('run', `${path} is not the config of a training run (${key})`, fix);
}
