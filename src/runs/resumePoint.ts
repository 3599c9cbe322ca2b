/** Where a run is resumed: from its last checkpoint, or from the beginning if that destroys nothing. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../formats/error.ts';
import { START_NAMES, stateSchema } from '../training/sessionState.ts';
import type { ResumePoint } from '../training/store.ts';
import { Checkpoints, MANIFEST } from './checkpoints.ts';
import { FileError } from './fileError.ts';

/** Tells how to train on from a model, as an error says it. */
export type TrainOn = (model: string) => string;

/**
 * Read the last checkpoint of a run; undefined if it has none yet, and nothing else that beginning again would destroy.
 * @param onDamage is called for each checkpoint that is not what was saved; an earlier one is taken then.
 * @throws FileError
 */
export function resumePoint(
  directory: string,
  onDamage: (error: FileError) => void,
  trainOn: TrainOn = (model) => `--checkpoint ${model}`,
): ResumePoint | undefined {
  const path = join(directory, 'checkpoints');
  if (!existsSync(path)) {
    checkNothingToLose(directory, [], trainOn);
    return undefined;
  }
  const checkpoints = new Checkpoints(path);
  const found = checkpoints.latest(onDamage);
  if (!found) {
    checkNothingToLose(directory, checkpoints.unlisted(), trainOn);
    return undefined;
  }
  const { data, error } = stateSchema.safeParse(found.session);
  if (data) return { ...found, session: data };
  const problem = `session.${printable(error.issues[0]?.path.join('.') ?? '')} is not what a session saves`;
  throw new FileError('DAMAGED', join(path, `${found.name}.json`), problem, 'begin a new run');
}

/** Files that name what a run found. */
const RESULTS = ['metrics.jsonl', 'summary.json', 'final_completions.jsonl'];
/** Files that an error names. */
const MOST_NAMED = 4;

/**
 * Check that a run whose manifest names no checkpoint has not trained yet. One that was killed while it saved its first
 * checkpoint may have left files of that.
 * @param files those in its directory of checkpoints. @throws FileError, DAMAGED.
 */
function checkNothingToLose(directory: string, files: readonly string[], trainOn: TrainOn): void {
  const starts = ['reference-', ...Object.values(START_NAMES).map((name) => `${name}.`)];
  const ofTraining = files.filter((file) => !starts.some((start) => file.startsWith(start)));
  const found = [...RESULTS.filter((file) => isFilled(join(directory, file))), ...ofTraining];
  if (found.length === 0) return;
  const named = found.slice(0, MOST_NAMED).join(', ');
  const more = found.length > MOST_NAMED ? ` and ${found.length - MOST_NAMED} more files` : '';
  const problem = `it names no checkpoint, but the run has trained: there is ${printable(named)}${more}`;
  throw new FileError(
    'DAMAGED',
    join(directory, 'checkpoints', MANIFEST),
    problem,
    fixFor(directory, ofTraining, trainOn),
  );
}

const isFilled = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** Advise on a run whose manifest is lost: the models in it are still good to begin with. */
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
