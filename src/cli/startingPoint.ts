/** The start of a training: a checkpoint, and the task that it was trained on. */
import type { Command } from 'commander';
import type { z } from 'zod';
import { parseOptions, pick } from '../base/options.ts';
import { modelSource } from '../runs/latestModel.ts';
import { settingsOf } from '../training/trainedSettings.ts';
import { completed, givenOptions } from './flags/configFile.ts';
import { modelSchema, openModel } from './flags/modelFlags.ts';
import { bothOf, type TaskFlags } from './flags/taskFlags.ts';
import { takenSettings } from './takenSettings.ts';

/**
 * Read what the checkpoint that these options name adds to them, nothing without one: options that win `over` those given
 * (the file, where a run was named), options `beneath` them, and lines that say so.
 * @throws FileError, CheckpointError, or BadOptionError naming the flag that disagrees with it.
 */
function startingPoint(given: Readonly<Record<string, unknown>>, { shape }: z.ZodObject) {
  if (typeof given.checkpoint !== 'string') return { over: {}, beneath: {}, notes: [] };
  const { path, notes } = modelSource(given.checkpoint);
  const { metadata } = openModel(path, parseOptions(modelSchema, pick(modelSchema, given)));
  const keys = ['task', ...Object.keys(shape)];
  const { options, text } = takenSettings(path, settingsOf(metadata, shape), keys, given);
  const taken = text === '' ? [] : [`The task of the checkpoint (flags win over it): ${text}`];
  return { over: { checkpoint: path }, beneath: options, notes: [...notes, ...taken] };
}

/**
 * Read the options of a training, its own and those of its task, and lines on what was taken from the checkpoint that it
 * begins with.
 * @throws BadOptionError, FileError, CheckpointError
 */
export function startingOptions<Schema extends z.ZodObject>(
  command: Command,
  schema: Schema,
  task: TaskFlags,
) {
  const { schema: taskSchema } = task;
  const { given } = givenOptions(command, bothOf(schema, task));
  // A flag at fault is told before the checkpoint is read, which may have options of the task that are not given.
  completed(schema, pick(schema, given));
  parseOptions(taskSchema.partial(), pick(taskSchema, given));
  const { over, beneath, notes } = startingPoint(given, taskSchema);
  const all = { ...given, ...over };
  return {
    flags: completed(schema, pick(schema, all), pick(schema, beneath)),
    options: parseOptions(taskSchema, pick(taskSchema, { ...beneath, ...all })),
    notes,
  };
}
