/** Checkpoints on disk: reads every format of src/model/checkpoint, writes safetensors atomically. */
import { readFileSync, statSync } from 'node:fs';
import {
  type AssumedConfig,
  type Checkpoint,
  type ReadCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from '../model/checkpoint/index.ts';
import { type FileOperations, writeAtomically } from './atomicFile.ts';
import { FileError, withFileErrors } from './fileError.ts';

/**
 * Reads a checkpoint: this project's safetensors or the original's .pt. `assumed` says what a bare state_dict cannot.
 * @throws FileError for a path that cannot be read, CheckpointError for a file that is no good checkpoint.
 */
export function loadCheckpoint(path: string, assumed: AssumedConfig = {}): ReadCheckpoint {
  const bytes = withFileErrors(path, () => {
    const about = statSync(path);
    if (about.isDirectory()) {
      throw new FileError(
        'NOT_A_FILE',
        path,
        'it is a directory',
        'give a file of its checkpoints/ directory',
      );
    }
    // Opening a pipe would wait for a writer for ever.
    if (!about.isFile()) {
      throw new FileError('NOT_A_FILE', path, 'it is no ordinary file', 'give a checkpoint file');
    }
    return readFileSync(path);
  });
  return readCheckpoint(bytes, path, assumed);
}

/** Writes a checkpoint as safetensors; a file of that name is replaced once the new one is complete. */
export function saveCheckpoint(path: string, checkpoint: Checkpoint, files?: FileOperations): void {
  writeAtomically(path, writeCheckpoint(checkpoint), files);
}
