/** The checkpoints of a run on any storage, in the format of checkpointFormat.ts. */
import type { MathformerError } from '../base/errors.ts';
import { sha256 } from '../base/sha256.ts';
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
} from './checkpointFormat.ts';
import { type BestCheckpoint, cutAfter, withAccuracy, withCheckpoint } from './checkpointList.ts';
import type { WritableRunFiles } from './runFiles.ts';
import type { SaveOptions, StoredCheckpoints, TrainingCheckpoint } from './store.ts';

/** The directory of a run's checkpoints. */
const DIRECTORY = 'checkpoints/';

/** Name the file of a run with the weights of a checkpoint. */
export const weightsPath = (name: string): string => DIRECTORY + weightsFile(name);

/** The checkpoints of one run. */
export class FileCheckpoints implements StoredCheckpoints {
  private constructor(
    private readonly files: WritableRunFiles,
    private readonly shown: (name: string) => string,
    private manifest: Manifest,
  ) {}

  /**
   * Read the manifest.
   * @param shown names a file of the run for people. @throws MathformerError: DAMAGED, or NEWER_VERSION.
   */
  static async open(files: WritableRunFiles, shown: (name: string) => string): Promise<FileCheckpoints> {
    const name = DIRECTORY + MANIFEST;
    const bytes = await files.read(name);
    const manifest = bytes ? parsedManifest({ path: shown(name), bytes }) : EMPTY_MANIFEST;
    return new FileCheckpoints(files, shown, manifest);
  }

  get entries(): readonly CheckpointEntry[] {
    return this.manifest.checkpoints;
  }

  get best(): BestCheckpoint | null {
    return this.manifest.best;
  }

  path(name: string): string {
    return this.shown(weightsPath(name));
  }

  /** Return names of files outside of checkpoints: from an interrupted save, weights alone, or all if the manifest is lost. */
  async unlisted(): Promise<string[]> {
    const names = (await this.files.list()).map(({ name }) => name);
    const inside = names.filter((name) => name.startsWith(DIRECTORY));
    return unlistedFiles(
      inside.map((name) => name.slice(DIRECTORY.length)),
      this.manifest,
    );
  }

  async save(checkpoint: TrainingCheckpoint, options: SaveOptions): Promise<string> {
    const { name, step, temporary = false, keepLast = 0, accuracy = null } = options;
    if (this.entries.some((entry) => entry.name === name)) return this.path(name);
    const files: CheckpointEntry['files'] = {};
    for (const part of checkpointParts(name, checkpoint)) {
      const content = part.encode();
      const about = { bytes: content.length, sha256: await sha256(content) };
      const file = part.name(about.sha256);
      // A reference or version that does not change is written only once.
      const isKnown =
        file in files || this.entries.some((entry) => entry.files[file]?.sha256 === about.sha256);
      if (!isKnown) await this.files.write(DIRECTORY + file, content);
      files[file] = about;
    }
    const entry = { name, step, temporary, files };
    await this.#publish(withCheckpoint(this.manifest, entry, { accuracy, keepLast }), [entry]);
    return this.path(name);
  }

  async offer(name: string, accuracy: number): Promise<boolean> {
    const list = withAccuracy(this.manifest, name, accuracy);
    if (list) await this.#publish(list);
    return list !== undefined;
  }

  async forgetAfter(name: string): Promise<void> {
    const list = cutAfter(this.manifest, name);
    if (list) await this.#publish(list);
  }

  /**
   * Read the last checkpoint whose files are unchanged; undefined if none was saved yet.
   * @param onDamage is called for each damaged checkpoint.
   * @throws MathformerError if all are damaged, since starting over would destroy the rest of the run, or if a file cannot be
   * read.
   */
  async latest(
    onDamage: (error: MathformerError) => void,
  ): Promise<(TrainingCheckpoint & CheckpointEntry) | undefined> {
    for (const [i, entry] of this.entries.toReversed().entries()) {
      try {
        return { ...entry, ...(await this.load(entry)) };
      } catch (error) {
        if (!isDamage(error) || i === this.entries.length - 1) throw error;
        onDamage(error);
      }
    }
    return undefined;
  }

  /** Read a checkpoint. @throws MathformerError, DAMAGED if one of its files has changed. */
  async load({ name, files }: CheckpointEntry): Promise<TrainingCheckpoint> {
    const open = async (file: string): Promise<OpenedFile> => {
      const path = this.shown(DIRECTORY + file);
      const bytes = await this.files.read(DIRECTORY + file);
      if (bytes && (await sha256(bytes)) === files[file]?.sha256) return { path, bytes };
      throw damaged(path, bytes ? 'it is not what was saved' : 'it is gone');
    };
    const document = parsedDocument(await open(documentFile(name)));
    return decodedCheckpoint(document, {
      weights: await open(document.weights),
      optimizer: await open(document.optimizer),
      reference: document.reference === null ? null : await open(document.reference),
      versions: document.versions && (await Promise.all(document.versions.map(open))),
    });
  }

  /** Write the list, and remove the files of checkpoints that left it. @param added the new checkpoints. */
  async #publish(manifest: Manifest, added: readonly CheckpointEntry[] = []): Promise<void> {
    await this.files.write(DIRECTORY + MANIFEST, new TextEncoder().encode(manifestText(manifest)));
    const unwanted = filesToRemove([...this.entries, ...added], manifest);
    this.manifest = manifest;
    for (const file of unwanted) await this.files.remove(DIRECTORY + file);
  }
}
