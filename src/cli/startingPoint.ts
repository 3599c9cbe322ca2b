/** What a training begins with: a checkpoint, and the task that it was trained on. */
import { parseOptions } from '../base/options.ts';
import { modelSource } from '../runs/latestModel.ts';
import { pick } from './flags.ts';
import { modelSchema, openModel } from './modelFlags.ts';
import { settingsOf, TASK_SETTINGS, takenSettings } from './trainedSettings.ts';

export interface StartingPoint {
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
export function startingPoint(given: Readonly<Record<string, unknown>>): StartingPoint {
  if (typeof given.checkpoint !== 'string') return { over: {}, beneath: {}, notes: [] };
  const { path, notes } = modelSource(given.checkpoint);
  const { metadata } = openModel(path, parseOptions(modelSchema, pick(modelSchema, given)));
  const { options, text } = takenSettings(path, settingsOf(metadata), TASK_SETTINGS, given);
  const taken = text === '' ? [] : [`The task of the checkpoint (flags win over it): ${text}`];
  return { over: { checkpoint: path }, beneath: options, notes: [...notes, ...taken] };
}
