/** What a training begins with: a checkpoint, and the task that it was trained on. */
import type { Command } from 'commander';
import type { z } from 'zod';
import { parseOptions } from '../base/options.ts';
import { modelSource } from '../runs/latestModel.ts';
import { settingsOf, TASK_SETTINGS } from '../training/trainedSettings.ts';
import { completed, givenOptions } from './flags/configFile.ts';
import { pick } from './flags/flags.ts';
import { modelSchema, openModel } from './flags/modelFlags.ts';
import { takenSettings } from './trainedSettings.ts';

interface StartingPoint {
  /** Wins over what was given: the file, where a run was named. */
  readonly over: { readonly checkpoint?: string };
  /** Stands in for what was not given. */
  readonly beneath: Readonly<Record<string, unknown>>;
  /** Lines that say so. */
  readonly notes: readonly string[];
}

/**
 * What the checkpoint that these options name adds to them; nothing without one.
 * @throws FileError, CheckpointError, or BadOptionError naming the flag that disagrees with it.
 */
function startingPoint(given: Readonly<Record<string, unknown>>): StartingPoint {
  if (typeof given.checkpoint !== 'string') return { over: {}, beneath: {}, notes: [] };
  const { path, notes } = modelSource(given.checkpoint);
  const { metadata } = openModel(path, parseOptions(modelSchema, pick(modelSchema, given)));
  const { options, text } = takenSettings(path, settingsOf(metadata), TASK_SETTINGS, given);
  const taken = text === '' ? [] : [`The task of the checkpoint (flags win over it): ${text}`];
  return { over: { checkpoint: path }, beneath: options, notes: [...notes, ...taken] };
}

/** Read the options of a training, and the lines on what they take from the checkpoint that it begins with. */
export function startingOptions<Schema extends z.ZodObject>(
  command: Command,
  schema: Schema,
): { readonly flags: z.output<Schema>; readonly notes: readonly string[] } {
  const { given } = givenOptions(command, schema);
  completed(schema, given); // A flag at fault is told before the checkpoint is read.
  const { over, beneath, notes } = startingPoint(given);
  return { flags: completed(schema, { ...given, ...over }, beneath), notes };
}
