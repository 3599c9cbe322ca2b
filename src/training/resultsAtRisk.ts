/** The check before a run without a checkpoint is begun again: results that this would destroy. */
import { printable } from '../formats/error.ts';
import { damaged } from './checkpointFormat.ts';
import type { ListedCheckpoint } from './checkpointList.ts';
import { START_NAMES, stateSchema } from './sessionState.ts';
import type { ResumePoint, TrainingCheckpoint } from './store.ts';

/** Files with results of a run. */
const RESULTS = ['metrics.jsonl', 'summary.json', 'final_completions.jsonl'];
/** Maximum number of files that an error names. */
const MOST_NAMED = 4;

/** Files of a run that no checkpoint names. */
export interface Remains {
  /** Tells whether the run has a file of this name that is not empty. */
  readonly isFilled: (name: string) => boolean;
  /** Names of the files beside the checkpoints that none of them names. */
  readonly unlisted: readonly string[];
}

/**
 * Check that a run whose manifest names no checkpoint has not trained yet. A run killed during its first save may have left
 * files of it.
 * @param manifest the path of the manifest. @param fixFor makes the fix, given the files of training.
 * @throws MathformerError, DAMAGED.
 */
export function checkNothingToLose(
  manifest: string,
  { isFilled, unlisted }: Remains,
  fixFor: (files: readonly string[]) => string,
): void {
  const starts = ['reference-', 'version-', ...Object.values(START_NAMES).map((name) => `${name}.`)];
  const ofTraining = unlisted.filter((file) => !starts.some((start) => file.startsWith(start)));
  const found = [...RESULTS.filter(isFilled), ...ofTraining];
  if (found.length === 0) return;
  const named = found.slice(0, MOST_NAMED).join(', ');
  const more = found.length > MOST_NAMED ? ` and ${found.length - MOST_NAMED} more files` : '';
  const problem = `it names no checkpoint, but the run has trained: there is ${printable(named)}${more}`;
  throw damaged(manifest, problem, fixFor(ofTraining));
}

/** Check the session's state of a checkpoint. @param document the path of its document. @throws MathformerError, DAMAGED. */
export function checkedResumePoint<Found extends TrainingCheckpoint & ListedCheckpoint>(
  found: Found,
  document: string,
): Found & ResumePoint {
  const { data, error } = stateSchema.safeParse(found.session);
  if (data) return { ...found, session: data };
  const problem = `session.${printable(error.issues[0]?.path.join('.') ?? '')} is not what a session saves`;
  throw damaged(document, problem, 'begin a new run');
}
