/** The model of a run: as the path of a checkpoint, the directory of a run stands for its last checkpoint. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MANIFEST } from '../training/checkpointFormat.ts';
import { Checkpoints } from './checkpoints.ts';
import { FileError } from './fileError.ts';

/** Return true if a path is the directory of a run with checkpoints. */
export function isRun(path: string): boolean {
  return existsSync(join(path, 'checkpoints', MANIFEST));
}

/** The file or directory from which a model is loaded. */
export interface ModelSource {
  readonly path: string;
  /** Explanations of the choice among a run's checkpoints; empty for a path that is not a run. */
  readonly notes: readonly string[];
}

/**
 * Return the checkpoint that a path stands for: the last complete checkpoint of a run, which is the final model after its
 * end; otherwise the path itself.
 * @throws FileError for a run without a complete checkpoint.
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
