/** config.json of a run, as a later session takes it. It may come from somebody else: nothing in it is believed unchecked. */
import { join } from 'node:path';
import { z } from 'zod';
import { BadOptionError } from '../base/options.ts';
import { printable } from '../formats/error.ts';
import { RUN_KINDS } from '../runs/run.ts';
import { choicesSchema } from '../runs/tunedKernels.ts';
import { readJsonObject } from './flags/jsonFile.ts';

const schema = z.looseObject({
  kind: z.enum(RUN_KINDS),
  options: z.record(z.string(), z.unknown()),
  /** The adapter, its kernels and the versions that the run began with. */
  adapter: z.looseObject({ description: z.string() }).optional(),
  kernels: choicesSchema.optional(),
  versions: z.record(z.string(), z.string()).optional(),
  /** An entry for every session after the first. */
  resumed: z.array(z.unknown()).optional(),
});

/** The config of a training run. */
export type RunConfig = Readonly<z.output<typeof schema>>;

/** Read the config of a run. @throws FileError; BadOptionError if it is not that of a training. */
export function readRunConfig(directory: string): RunConfig {
  const path = join(directory, 'config.json');
  const { data, error } = schema.safeParse(readJsonObject('run', path));
  if (data) return data;
  const key = printable(error.issues[0]?.path.join('.') ?? '');
  const fix = 'give the directory of a training run, such as runs/2026-01-31T12-00-00-grpo';
  throw new BadOptionError('run', `${path} is not the config of a training run (${key})`, fix);
}
