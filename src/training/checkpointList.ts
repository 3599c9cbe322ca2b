/** The list of a run's checkpoints: which stay, and which is the best. Stores keep it, each in its own way. */

/** A checkpoint in the list. */
export interface ListedCheckpoint {
  readonly name: string;
  readonly step: number;
  /** Tells whether it goes when a later one is saved. */
  readonly temporary: boolean;
}

/** The checkpoint with the best accuracy so far. */
export interface BestCheckpoint {
  readonly name: string;
  readonly step: number;
  readonly accuracy: number;
}

/** Checkpoints in the order in which they were saved, and the best of all that were ever evaluated. */
export interface CheckpointList<Listed extends ListedCheckpoint = ListedCheckpoint> {
  readonly checkpoints: readonly Listed[];
  readonly best: BestCheckpoint | null;
}

/**
 * Add a checkpoint, and drop those that are no longer wanted: temporary ones, and all but the last `keepLast` and the best.
 * @param accuracy found by an evaluation; null without one.
 * @param keepLast 0 keeps all.
 */
export function withCheckpoint<Listed extends ListedCheckpoint>(
  { checkpoints, best: former }: CheckpointList<Listed>,
  added: Listed,
  { accuracy, keepLast }: { readonly accuracy: number | null; readonly keepLast: number },
): CheckpointList<Listed> {
  const { name, step } = added;
  const best = isBetter(accuracy, former) ? { name, step, accuracy } : former;
  const all = [...checkpoints, added];
  const lasting = all.filter(({ temporary }) => !temporary);
  const recent = new Set(keepLast === 0 ? lasting : lasting.slice(-keepLast));
  const kept = all.filter((each) => recent.has(each) || each.name === best?.name || each === added);
  return { checkpoints: kept, best };
}

/** Note the accuracy of a listed checkpoint; undefined if it is not listed or not the best. */
export function withAccuracy<Listed extends ListedCheckpoint>(
  list: CheckpointList<Listed>,
  name: string,
  accuracy: number,
): CheckpointList<Listed> | undefined {
  const found = list.checkpoints.find((each) => each.name === name);
  if (!found || !isBetter(accuracy, list.best)) return undefined;
  return { ...list, best: { name, step: found.step, accuracy } };
}

/** Drop what was saved after a checkpoint; undefined if nothing was, or it is not listed. */
export function cutAfter<Listed extends ListedCheckpoint>(
  { checkpoints, best }: CheckpointList<Listed>,
  name: string,
): CheckpointList<Listed> | undefined {
  const at = checkpoints.findIndex((each) => each.name === name);
  const kept = checkpoints.slice(0, at + 1);
  if (at < 0 || kept.length === checkpoints.length) return undefined;
  return { checkpoints: kept, best: best && kept.some((each) => each.name === best.name) ? best : null };
}

function isBetter(accuracy: number | null, best: BestCheckpoint | null): accuracy is number {
  return accuracy !== null && accuracy > (best?.accuracy ?? Number.NEGATIVE_INFINITY);
}
