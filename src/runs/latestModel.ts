/** The model of a run: where a path to a checkpoint is asked for, the directory of a run stands for its last one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Checkpoints, MANIFEST } from './checkpoints.ts';
import { FileError } from './fileError.ts';

/** Whether a path is the directory of a run that has checkpoints. */
export function isRun(path: string): boolean {
  return existsSync(join(path, 'checkpoints', MANIFEST));
}

/** A file or directory that a model is loaded from. */
export interface ModelSource {
  readonly path: string;
  /** Which of a run's checkpoints it is, and why; empty for a path that is no run. */
  readonly notes: readonly string[];
}

/**
 * The checkpoint that a path stands for: of a run the last one that is whole, which after its end is the final model;
 * otherwise the path itself.
 * @throws FileError for a run without a checkpoint that is whole.
 */
export function modelSource(path: string): ModelSource {
  if (!isRun(path)) return { path, notes: [] };
  const checkpoints = new Checkpoints(join(path, 'checkpoints'));
  const damage: string[] = [];
  const last = checkpoints.latest((error) => {
    damage.push(`warning: ${error.message}; taking the checkpoint before it`);
  });
  if (!last) {
    const fix = 'resume the run, or give another checkpoint';
    throw new FileError('FILE_NOT_FOUND', path, 'the run has no checkpoint yet', fix);
  }
  const { best } = checkpoints;
  const better =
    best && best.name !== last.name
      ? [`Its best was ${best.name}, ${(100 * best.accuracy).toFixed(2)}%: ${checkpoints.path(best.name)}`]
      : [];
  const taken = `${path} is a run; taking its last checkpoint, ${last.name} (step ${last.step})`;
  return { path: checkpoints.path(last.name), notes: [...damage, taken, ...better] };
}
