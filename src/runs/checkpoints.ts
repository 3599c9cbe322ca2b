/**
 * The checkpoints of a run. From each, the run resumes to the same bits. The directory holds
 *
 *     manifest.json                 the complete checkpoints, the SHA-256 of every file, and the best checkpoint
 *     NAME.safetensors              a model's weights, with its config
 *     NAME.optimizer.safetensors    the optimiser's buffers
 *     NAME.json                     the rest: step, rows logged, random streams, …
 *     reference-HASH.safetensors    the reference model, by the hash of its file; checkpoints share it
 *
 * A checkpoint counts once the manifest names it. The manifest is written last: whenever the process or the machine stops,
 * every checkpoint in it is complete.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Checkpoint, readCheckpoint, type StateDict, writeCheckpoint } from '../formats/index.ts';
import { float32Arrays, readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import {
  type BestCheckpoint,
  type CheckpointList,
  cutAfter,
  withAccuracy,
  withCheckpoint,
} from '../training/checkpointList.ts';
import type { SaveOptions, StoredCheckpoints, TrainingCheckpoint } from '../training/store.ts';
import { type FileOperations, isTorn, removeTorn, writeAtomically } from './atomicFile.ts';
import { FileError, type FileErrorCode, withFileErrors } from './fileError.ts';
import { readOrdinaryFile } from './ordinaryFile.ts';

/** Name of the file that lists the complete checkpoints. */
export const MANIFEST = 'manifest.json';
/** Version of the format of manifest and documents. */
const VERSION = 1;
/** Number of hexadecimal digits of a reference's hash in its file name. */
const HASH_DIGITS = 16;

const fileSchema = z.strictObject({ bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
/** File names that cannot point outside of the directory. */
const nameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
const entrySchema = z
  .strictObject({
    name: nameSchema,
    step: z.int().min(0),
    /** True if it is removed when the next checkpoint is saved. */
    temporary: z.boolean(),
    files: z.record(nameSchema, fileSchema),
  })
  .refine(({ name, files }) => Object.keys(files).every((file) => isFileOf(name, file)), {
    error: 'it names a file that is not the checkpoint’s',
  });
const manifestSchema = z.strictObject({
  version: z.literal(VERSION),
  checkpoints: z.array(entrySchema).readonly(),
  best: z
    .strictObject({ name: nameSchema, step: z.int().min(0), accuracy: z.number() })
    .readonly()
    .nullable(),
});
const documentSchema = z.strictObject({
  version: z.literal(VERSION),
  weights: nameSchema,
  optimizer: nameSchema,
  reference: nameSchema.nullable(),
  progress: z.record(z.string(), z.unknown()),
  session: z.record(z.string(), z.unknown()),
});

/** A checkpoint's row in the manifest. */
export type CheckpointEntry = z.output<typeof entrySchema>;
/** Codes of permanent damage. Other failures, such as a disk that cannot be read now, may pass. */
const DAMAGE: readonly FileErrorCode[] = ['DAMAGED', 'FILE_NOT_FOUND', 'NOT_A_FILE'];

/** The checkpoints of one run. */
export class Checkpoints implements StoredCheckpoints {
  #manifest: z.output<typeof manifestSchema>;

  /** Read the manifest, or make the directory. @throws FileError, DAMAGED if the manifest is invalid. */
  constructor(
    private readonly directory: string,
    private readonly operations?: FileOperations,
  ) {
    if (!existsSync(directory)) withFileErrors(directory, () => mkdirSync(directory));
    const path = join(directory, MANIFEST);
    this.#manifest = existsSync(path)
      ? parsed(path, manifestSchema, read(path))
      : { version: VERSION, checkpoints: [], best: null };
  }

  get entries(): readonly CheckpointEntry[] {
    return this.#manifest.checkpoints;
  }

  get best(): BestCheckpoint | null {
    return this.#manifest.best;
  }

  /** Return names of files outside of checkpoints: from an interrupted save, weights alone, or all if the manifest is lost. */
  unlisted(): string[] {
    const listed = new Set([MANIFEST, ...this.entries.flatMap(({ files }) => Object.keys(files))]);
    const files = withFileErrors(this.directory, () => readdirSync(this.directory));
    return files.filter((file) => !listed.has(file) && !isTorn(file)).sort();
  }

  path(name: string): string {
    return join(this.directory, weightsFile(name));
  }

  /** @throws FileError, e.g. DISK_FULL, or CheckpointError for weights that are not finite. Earlier checkpoints then stay. */
  save({ model, state, session }: TrainingCheckpoint, options: SaveOptions): string {
    const { name, step, temporary = false, keepLast = 0, accuracy = null } = options;
    if (this.entries.some((entry) => entry.name === name)) return this.path(name);
    const { reference, progress } = state;
    const files: CheckpointEntry['files'] = {};
    const keep = (file: string, content: Uint8Array): string => {
      files[file] = this.#write(file, content);
      return file;
    };
    const document = {
      version: VERSION,
      weights: keep(weightsFile(name), writeCheckpoint(model)),
      optimizer: keep(optimizerFile(name), tensorsFile(state.optimizer)),
      reference: reference && this.#keepReference({ ...model, stateDict: reference }, keep),
      progress,
      session,
    };
    keep(documentFile(name), Buffer.from(`${JSON.stringify(document, null, 2)}\n`));
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
   * @throws FileError if all are damaged, since starting over would destroy the rest of the run, or if a file cannot be read.
   */
  latest(onDamage: (error: FileError) => void): (TrainingCheckpoint & CheckpointEntry) | undefined {
    for (const [i, entry] of this.entries.toReversed().entries()) {
      try {
        return { ...entry, ...this.load(entry) };
      } catch (error) {
        const isDamaged = error instanceof FileError && DAMAGE.includes(error.code);
        if (!isDamaged || i === this.entries.length - 1) throw error;
        onDamage(error);
      }
    }
    return undefined;
  }

  forgetAfter(name: string): void {
    const list = cutAfter(this.#manifest, name);
    if (list) this.#publish(list);
  }

  /** Read a checkpoint. @throws FileError, DAMAGED if one of its files has changed. */
  load({ name, files }: CheckpointEntry): TrainingCheckpoint {
    const open = (file: string): { readonly path: string; readonly bytes: Uint8Array } => {
      const path = join(this.directory, file);
      const expected = files[file];
      // Compare the size first: a replaced file may be larger than the memory.
      if (withFileErrors(path, () => statSync(path)).size === expected?.bytes) {
        const bytes = read(path);
        if (sha256(bytes) === expected.sha256) return { path, bytes };
      }
      throw new FileError('DAMAGED', path, 'it is not what was saved', 'put a copy back');
    };
    const { path, bytes } = open(documentFile(name));
    const document = parsed(path, documentSchema, bytes);
    const model = (file: string): Checkpoint => {
      const opened = open(file);
      return readCheckpoint(opened.bytes, opened.path);
    };
    const optimizer = open(document.optimizer);
    return {
      model: model(document.weights),
      state: {
        progress: document.progress,
        optimizer: tensorsOf(optimizer.bytes, optimizer.path),
        reference: document.reference === null ? null : model(document.reference).stateDict,
      },
      session: document.session,
    };
  }

  /** Keep the reference model. One that does not change is written only once. */
  #keepReference(reference: Checkpoint, keep: (file: string, content: Uint8Array) => string): string {
    const content = writeCheckpoint({ ...reference, metadata: new Map() });
    return keep(`reference-${sha256(content).slice(0, HASH_DIGITS)}.safetensors`, content);
  }

  #write(file: string, content: Uint8Array): z.output<typeof fileSchema> {
    const about = { bytes: content.length, sha256: sha256(content) };
    const known = this.entries.some(({ files }) => files[file]?.sha256 === about.sha256);
    if (!known) writeAtomically(join(this.directory, file), content, this.operations);
    return about;
  }

  /** Write the list, and remove the files of checkpoints that left it. @param added the new checkpoints. */
  #publish(
    { checkpoints, best }: CheckpointList<CheckpointEntry>,
    added: readonly CheckpointEntry[] = [],
  ): void {
    const manifest = { version: VERSION, checkpoints, best } as const;
    writeAtomically(
      join(this.directory, MANIFEST),
      `${JSON.stringify(manifest, null, 2)}\n`,
      this.operations,
    );
    const former = [...this.entries, ...added];
    this.#manifest = manifest;
    this.#sweep(former);
  }

  /** Remove files of former checkpoints that no present one has. */
  #sweep(former: readonly CheckpointEntry[]): void {
    const wanted = new Set(this.entries.flatMap(({ files }) => Object.keys(files)));
    const unwanted = former.flatMap(({ files }) => Object.keys(files)).filter((file) => !wanted.has(file));
    for (const file of unwanted) rmSync(join(this.directory, file), { force: true });
    removeTorn(this.directory);
  }
}

const weightsFile = (name: string): string => `${name}.safetensors`;
const optimizerFile = (name: string): string => `${name}.optimizer.safetensors`;
const documentFile = (name: string): string => `${name}.json`;

function isFileOf(name: string, file: string): boolean {
  const own = [weightsFile(name), optimizerFile(name), documentFile(name)];
  return own.includes(file) || /^reference-[0-9a-f]+\.safetensors$/.test(file);
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const tensorsFile = (tensors: StateDict): Uint8Array =>
  writeSafetensors({ tensors: float32Arrays(tensors), metadata: new Map() });

function tensorsOf(bytes: Uint8Array, path: string): StateDict {
  const { tensors } = readSafetensors(bytes, path);
  return new Map(
    [...tensors].map(([name, { shape, data }]) => {
      if (data instanceof Float32Array) return [name, { shape, data }];
      throw new FileError('DAMAGED', path, `${name} is not of float32`, 'put a copy back');
    }),
  );
}

const read = (path: string): Uint8Array => readOrdinaryFile(path, 'put a copy back');

function parsed<Value>(path: string, schema: z.ZodType<Value>, bytes: Uint8Array): Value {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    json = undefined;
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const problem = json === undefined ? 'it is no JSON' : `${issue?.path.join('.')}: ${issue?.message}`;
  throw new FileError('DAMAGED', path, problem, 'restore it from a copy, or begin a new run');
}
