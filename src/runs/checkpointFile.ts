/** Checkpoints on disk: reads every format of src/model, writes safetensors atomically. */
import { statSync } from 'node:fs';
import { type HuggingFaceModel, readHuggingFace } from '../formats/huggingFace/index.ts';
import {
  type AssumedConfig,
  type Checkpoint,
  type CheckpointFormat,
  readCheckpoint,
  writeCheckpoint,
} from '../formats/index.ts';
import { type FileOperations, writeAtomically } from './atomicFile.ts';
import { withFileErrors } from './fileError.ts';
import { readHuggingFaceDirectory } from './huggingFaceDirectory.ts';
import { readOrdinaryFile } from './ordinaryFile.ts';

/** A checkpoint as loaded, with the format it came in. */
export interface LoadedCheckpoint extends Checkpoint {
  readonly format: CheckpointFormat | 'hugging-face';
}

/** The content of a path from which a checkpoint is loaded. */
export type CheckpointSource =
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
  | ({ readonly kind: 'hugging-face' } & HuggingFaceModel);

/**
 * Reads a checkpoint: this project's safetensors, the original's .pt, or a Hugging Face directory. `assumed` says what
 * a bare state_dict cannot.
 * @throws FileError for a path that cannot be read, CheckpointError for what is no good checkpoint.
 */
export function loadCheckpoint(path: string, assumed: AssumedConfig = {}): LoadedCheckpoint {
  const source = readCheckpointSource(path);
  if (source.kind === 'file') return readCheckpoint(source.bytes, path, assumed);
  return { ...readHuggingFace(source, path), format: 'hugging-face' };
}

/** The bytes of a checkpoint, not yet looked at. @throws FileError */
export function readCheckpointSource(path: string): CheckpointSource {
  return withFileErrors(path, () => {
    if (statSync(path).isDirectory()) return { kind: 'hugging-face', ...readHuggingFaceDirectory(path) };
    return { kind: 'file', bytes: readOrdinaryFile(path, 'give a checkpoint file') };
  });
}

/** Writes a checkpoint as safetensors; a file of that name is replaced once the new one is complete. */
export function saveCheckpoint(path: string, checkpoint: Checkpoint, files?: FileOperations): void {
  writeAtomically(path, writeCheckpoint(checkpoint), files);
}
