/**
 * The format of a run's checkpoints, on any storage. From each, the run resumes to the same bits. The directory
 * `checkpoints` holds
 *
 *     manifest.json                 the complete checkpoints, the SHA-256 of every file, and the best checkpoint
 *     NAME.safetensors              a model's weights, with its config
 *     NAME.optimizer.safetensors    the optimiser's buffers
 *     NAME.json                     the rest: step, rows logged, random streams, …
 *     reference-HASH.safetensors    the reference model, by the hash of its file; checkpoints share it
 *     version-HASH.safetensors      weights of an earlier step that samples a later rollout (--staleness), shared as well
 *
 * A checkpoint counts once the manifest names it. The manifest is written last: whenever the process or the machine stops,
 * every checkpoint in it is complete.
 */
import { z } from 'zod';
import { isRecord } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { printable } from '../formats/error.ts';
import { type Checkpoint, readCheckpoint, type StateDict, writeCheckpoint } from '../formats/index.ts';
import { float32Arrays, readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import type { CheckpointList } from './checkpointList.ts';
import type { TrainingCheckpoint } from './store.ts';

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
  /** Runs without staleness have none, as older versions of the format. */
  versions: z.array(nameSchema).optional(),
  progress: z.record(z.string(), z.unknown()),
  session: z.record(z.string(), z.unknown()),
});

/** A checkpoint's row in the manifest. */
export type CheckpointEntry = z.output<typeof entrySchema>;
/** The list in a manifest. */
export type Manifest = CheckpointList<CheckpointEntry>;

/** The manifest of a run without checkpoints. */
export const EMPTY_MANIFEST: Manifest = { checkpoints: [], best: null };

/** Return the error of a file that is not as it was saved. */
export function damaged(path: string, problem: string, fix = 'put a copy back'): MathformerError {
  return new MathformerError(`${path}: ${problem}`, { code: 'DAMAGED', where: path, fix });
}

/** Codes of permanent damage. Other failures, such as a disk that cannot be read now, may pass. */
const DAMAGE: readonly string[] = ['DAMAGED', 'FILE_NOT_FOUND', 'NOT_A_FILE'];

/** Tell whether an error says that a file of a checkpoint is damaged or gone. */
export function isDamage(error: unknown): error is MathformerError {
  return error instanceof MathformerError && DAMAGE.includes(error.code);
}

/** The content of a file, with its path for errors. */
export interface OpenedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Parse a manifest. @throws MathformerError: DAMAGED, or NEWER_VERSION. */
export function parsedManifest(file: OpenedFile): Manifest {
  return parsed(file, manifestSchema);
}

/** Write a manifest as text. */
export function manifestText({ checkpoints, best }: Manifest): string {
  return `${JSON.stringify({ version: VERSION, checkpoints, best }, null, 2)}\n`;
}

/** List the files that leave with checkpoints. @param former the checkpoints before. */
export function filesToRemove(former: readonly CheckpointEntry[], { checkpoints }: Manifest): string[] {
  const wanted = new Set(checkpoints.flatMap(({ files }) => Object.keys(files)));
  return former.flatMap(({ files }) => Object.keys(files)).filter((file) => !wanted.has(file));
}

/** List the files in the directory that no checkpoint names. @param found the names there. */
export function unlistedFiles(found: readonly string[], { checkpoints }: Manifest): string[] {
  const listed = new Set([MANIFEST, ...checkpoints.flatMap(({ files }) => Object.keys(files))]);
  return found.filter((file) => !listed.has(file)).sort();
}

/** Names of a checkpoint's files by what is in them. */
interface FileNames {
  weights: string;
  optimizer: string;
  reference: string | null;
  versions?: string[];
}

/** Begins the name of a file that checkpoints share. */
type SharedPrefix = 'reference' | 'version';

/** A file of a checkpoint that is to be written. */
export interface CheckpointPart {
  /** Encode the content. Parts before it are named already. */
  encode(): Uint8Array;
  /** Name the file. @param sha256 of the content. */
  name(sha256: string): string;
}

/**
 * List the files of a checkpoint in the order in which they are written. Each is encoded when it is asked for, so that only one
 * is in memory.
 */
export function checkpointParts(
  name: string,
  { model, state, session }: TrainingCheckpoint,
): readonly CheckpointPart[] {
  const { progress, optimizer, reference, versions } = state;
  const names: FileNames = { weights: weightsFile(name), optimizer: optimizerFile(name), reference: null };
  const document = () => ({ version: VERSION, ...names, progress, session });
  const sharedPart = (
    prefix: SharedPrefix,
    stateDict: StateDict,
    keep: (name: string) => void,
  ): CheckpointPart => ({
    encode: () => writeCheckpoint({ ...model, stateDict, metadata: new Map() }),
    name: (sha256) => {
      const file = `${prefix}-${sha256.slice(0, HASH_DIGITS)}.safetensors`;
      keep(file);
      return file;
    },
  });
  const keepReference = (file: string): void => {
    names.reference = file;
  };
  const keepVersion = (file: string): void => {
    names.versions = [...(names.versions ?? []), file];
  };
  return [
    { encode: () => writeCheckpoint(model), name: () => names.weights },
    {
      encode: () => writeSafetensors({ tensors: float32Arrays(optimizer), metadata: new Map() }),
      name: () => names.optimizer,
    },
    ...(reference ? [sharedPart('reference', reference, keepReference)] : []),
    ...(versions ?? []).map((version) => sharedPart('version', version, keepVersion)),
    {
      encode: () => new TextEncoder().encode(`${JSON.stringify(document(), null, 2)}\n`),
      name: () => documentFile(name),
    },
  ];
}

/** Name the file with a checkpoint's weights. */
export const weightsFile = (name: string): string => `${name}.safetensors`;
const optimizerFile = (name: string): string => `${name}.optimizer.safetensors`;
/** Name the file that names the other files of a checkpoint. */
export const documentFile = (name: string): string => `${name}.json`;

/** The content of a checkpoint's document. */
export type CheckpointDocument = z.output<typeof documentSchema>;

/** Parse a checkpoint's document. @throws MathformerError: DAMAGED, or NEWER_VERSION. */
export function parsedDocument(file: OpenedFile): CheckpointDocument {
  return parsed(file, documentSchema);
}

/** Put a checkpoint together. @throws MathformerError, DAMAGED, or CheckpointError. */
export function decodedCheckpoint(
  { progress, session }: CheckpointDocument,
  files: {
    readonly weights: OpenedFile;
    readonly optimizer: OpenedFile;
    readonly reference: OpenedFile | null;
    readonly versions: readonly OpenedFile[] | undefined;
  },
): TrainingCheckpoint {
  const model = ({ bytes, path }: OpenedFile): Checkpoint => readCheckpoint(bytes, path);
  return {
    model: model(files.weights),
    state: {
      progress,
      optimizer: tensorsOf(files.optimizer),
      reference: files.reference && model(files.reference).stateDict,
      ...(files.versions && { versions: files.versions.map((file) => model(file).stateDict) }),
    },
    session,
  };
}

function isFileOf(name: string, file: string): boolean {
  const own = [weightsFile(name), optimizerFile(name), documentFile(name)];
  return own.includes(file) || /^(reference|version)-[0-9a-f]+\.safetensors$/.test(file);
}

function tensorsOf({ bytes, path }: OpenedFile): StateDict {
  const { tensors } = readSafetensors(bytes, path);
  return new Map(
    [...tensors].map(([name, { shape, data }]) => {
      if (data instanceof Float32Array) return [name, { shape, data }];
      throw damaged(path, `${printable(name)} is not of float32`);
    }),
  );
}

function parsed<Value>({ path, bytes }: OpenedFile, schema: z.ZodType<Value>): Value {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    json = undefined;
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  checkVersion(path, json);
  const [issue] = result.error.issues;
  const problem = json === undefined ? 'it is no JSON' : `${issue?.path.join('.')}: ${issue?.message}`;
  throw damaged(path, problem, 'restore it from a copy, or begin a new run');
}

/** @throws MathformerError, NEWER_VERSION. */
function checkVersion(path: string, json: unknown): void {
  const version = isRecord(json) ? json.version : undefined;
  if (typeof version !== 'number' || version <= VERSION) return;
  const problem = `${path}: a newer version of mathformer wrote it (format ${version}; this one reads ${VERSION})`;
  const fix = 'update mathformer, or use the version that wrote it';
  throw new MathformerError(problem, { code: 'NEWER_VERSION', where: path, fix });
}
