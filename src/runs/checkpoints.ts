/** The checkpoints of a run on disk, in the format of training/checkpointFormat.ts. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { MathformerError } from '../base/errors.ts';
import {
  type CheckpointEntry,
  checkpointParts,
  damaged,
  decodedCheckpoint,
  documentFile,
  EMPTY_MANIFEST,
  filesToRemove,
  isDamage,
  MANIFEST,
  type Manifest,
  manifestText,
  type OpenedFile,
  parsedDocument,
  parsedManifest,
  unlistedFiles,
  weightsFile,
} from '../training/checkpointFormat.ts';
import { type BestCheckpoint, cutAfter, withAccuracy, withCheckpoint } from '../training/checkpointList.ts';
import type { SaveOptions, StoredCheckpoints, TrainingCheckpoint } from '../training/store.ts';
import { type FileOperations, isTorn, removeTorn, writeAtomically } from './atomicFile.ts';
import { withFileErrors } from './fileError.ts';
import { readOrdinaryFile } from './ordinaryFile.ts';

/** The checkpoints of one run. */
export class Checkpoints implements StoredCheckpoints {
  #manifest: Manifest;

  /** Read the manifest, or make the directory. @throws MathformerError, e.g. DAMAGED if the manifest is invalid. */
  constructor(
    private readonly directory: string,
    private readonly operations?: FileOperations,
  ) {
    if (!existsSync(directory)) withFileErrors(directory, () => mkdirSync(directory));
    const path = join(directory, MANIFEST);
    this.#manifest = existsSync(path) ? parsedManifest({ path, bytes: read(path) }) : EMPTY_MANIFEST;
  }

  get entries(): readonly CheckpointEntry[] {
    return this.#manifest.checkpoints;
  }

  get best(): BestCheckpoint | null {
    return this.#manifest.best;
  }

  /** Return names of files outside of checkpoints: from an interrupted save, weights alone, or all if the manifest is lost. */
  unlisted(): string[] {
    const files = withFileErrors(this.directory, () => readdirSync(this.directory));
    return unlistedFiles(
      files.filter((file) => !isTorn(file)),
      this.#manifest,
    );
  }

  path(name: string): string {
    return join(this.directory, weightsFile(name));
  }

  /** @throws FileError, e.g. DISK_FULL, or CheckpointError for weights that are not finite. Earlier checkpoints then stay. */
  save(checkpoint: TrainingCheckpoint, options: SaveOptions): string {
    const { name, step, temporary = false, keepLast = 0, accuracy = null } = options;
    if (this.entries.some((entry) => entry.name === name)) return this.path(name);
    const files: CheckpointEntry['files'] = {};
    for (const part of checkpointParts(name, checkpoint)) {
      const content = part.encode();
      const about = { bytes: content.length, sha256: sha256(content) };
      const file = part.name(about.sha256);
      // A reference or version that does not change is written only once.
      const isKnown =
        file in files || this.entries.some((entry) => entry.files[file]?.sha256 === about.sha256);
      if (!isKnown) writeAtomically(join(this.directory, file), content, this.operations);
      files[file] = about;
    }
    const entry = { name, step, temporary, files };
    this.#publish(withCheckpoint(this.#manifest, entry, { accuracy, keepLast }), [entry]);
    return this.path(name);
  }

  offer(name: string, accuracy: number): boolean {
    const list = withAccuracy(this.#manifest, name, accuracy);
    if (list) this.#publish(list);
    return list !== undefined;
  }

  /**
   * Read the last checkpoint whose files are unchanged; undefined if none was saved yet.
   * @param onDamage is called for each damaged checkpoint.
   * @throws MathformerError if all are damaged, since starting over would destroy the rest of the run, or if a file cannot be
   * read.
   */
  latest(onDamage: (error: MathformerError) => void): (TrainingCheckpoint & CheckpointEntry) | undefined {
    for (const [i, entry] of this.entries.toReversed().entries()) {
      try {
        return { ...entry, ...this.load(entry) };
      } catch (error) {
        if (!isDamage(error) || i === this.entries.length - 1) throw error;
        onDamage(error);
      }
    }
    return undefined;
  }

  forgetAfter(name: string): void {
    const list = cutAfter(this.#manifest, name);
    if (list) this.#publish(list);
  }

  /** Read a checkpoint. @throws MathformerError, DAMAGED if one of its files has changed. */
  load({ name, files }: CheckpointEntry): TrainingCheckpoint {
    const open = (file: string): OpenedFile => {
      const path = join(this.directory, file);
      const expected = files[file];
      // Compare the size first: a replaced file may be larger than the memory.
      if (withFileErrors(path, () => statSync(path)).size === expected?.bytes) {
        const bytes = read(path);
        if (sha256(bytes) === expected.sha256) return { path, bytes };
      }
      throw damaged(path, 'it is not what was saved');
    };
    const document = parsedDocument(open(documentFile(name)));
    return decodedCheckpoint(document, {
      weights: open(document.weights),
      optimizer: open(document.optimizer),
      reference: document.reference === null ? null : open(document.reference),
      versions: document.versions?.map(open),
    });
  }

  /** Write the list, and remove the files of checkpoints that left it. @param added the new checkpoints. */
  #publish(manifest: Manifest, added: readonly CheckpointEntry[] = []): void {
    writeAtomically(join(this.directory, MANIFEST), manifestText(manifest), this.operations);
    const unwanted = filesToRemove([...this.entries, ...added], manifest);
    this.#manifest = manifest;
    for (const file of unwanted) rmSync(join(this.directory, file), { force: true });
    removeTorn(this.directory);
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const read = (path: string): Uint8Array => readOrdinaryFile(path, 'put a copy back');
