/** The point from which a run is resumed: its last checkpoint, or the start if that destroys nothing. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../formats/error.ts';
import { START_NAMES, stateSchema } from '../training/sessionState.ts';
import type { ResumePoint } from '../training/store.ts';
import { Checkpoints, MANIFEST } from './checkpoints.ts';
import { FileError } from './fileError.ts';

/** Return the advice of an error on how to continue training from a model. */
export type TrainOn = (model: string) => string;

/**
 * Read the last checkpoint of a run; undefined if it has none, nor other results that starting over would destroy.
 * @param onDamage is called for each damaged checkpoint; an earlier one is then used.
 * @throws FileError
 */
export function resumePoint(
  directory: string,
  onDamage: (error: FileError) => void,
  trainOn: TrainOn = (model) => `--checkpoint ${model}`,
): ResumePoint | undefined {
  const path = join(directory, 'checkpoints');
  const checkpoints = existsSync(path) ? new Checkpoints(path) : undefined;
  const found = checkpoints?.latest(onDamage);
  if (!found) {
    checkNothingToLose(directory, checkpoints?.unlisted() ?? [], trainOn);
    return undefined;
  }
  const { data, error } = stateSchema.safeParse(found.session);
  if (data) return { ...found, session: data };
  const problem = `session.${printable(error.issues[0]?.path.join('.') ?? '')} is not what a session saves`;
  throw new FileError('DAMAGED', join(path, `${found.name}.json`), problem, 'begin a new run');
}

/** Files with results of a run. */
const RESULTS = ['metrics.jsonl', 'summary.json', 'final_completions.jsonl'];
/** Maximum number of files that an error names. */
const MOST_NAMED = 4;

/**
 * Check that a run whose manifest names no checkpoint has not trained yet. A run killed during its first save may have left
 * files of it.
 * @param files the files in its directory of checkpoints. @throws FileError, DAMAGED.
 */
function checkNothingToLose(directory: string, files: readonly string[], trainOn: TrainOn): void {
  const starts = ['reference-', ...Object.values(START_NAMES).map((name) => `${name}.`)];
  const ofTraining = files.filter((file) => !starts.some((start) => file.startsWith(start)));
  const found = [...RESULTS.filter((file) => isFilled(join(directory, file))), ...ofTraining];
  if (found.length === 0) return;
  const named = found.slice(0, MOST_NAMED).join(', ');
  const more = found.length > MOST_NAMED ? ` and ${found.length - MOST_NAMED} more files` : '';
  const problem = `it names no checkpoint, but the run has trained: there is ${printable(named)}${more}`;
  const manifest = join(directory, 'checkpoints', MANIFEST);
  throw new FileError('DAMAGED', manifest, problem, fixFor(directory, ofTraining, trainOn));
}

const isFilled = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** Return the fix for a run whose manifest is lost: its models can still start a new training. */
function fixFor(directory: string, files: readonly string[], trainOn: TrainOn): string {
  const models = files
    .filter((file) => /^(rl_)?model_\w+\.safetensors$/.test(file))
    .map((file) => join(directory, 'checkpoints', file));
  const age = (path: string): number => statSync(path).mtimeMs;
  const last = models.toSorted((a, b) => age(a) - age(b)).at(-1);
  const copy = 'put a copy of it back, with the checkpoints that it names';
  if (last === undefined) return `${copy}, or begin a new run`;
  return `${copy}, or begin a new run with its last model: ${trainOn(last)}`;
}
