/** Reads the facts of a run for a list of runs. A torn or hostile run gives the state `unreadable`, never an error. */
import { z } from 'zod';
import { isRecord } from '../base/arguments.ts';
import { problemOf } from '../base/errors.ts';
import { printable } from '../formats/error.ts';
import { type Accuracy, accuracyOf } from './accuracy.ts';
import { completionsFile, isCorrect } from './completions.ts';
import { configuredFields, NO_CONFIG, plannedSteps } from './listedConfig.ts';
import { RUN_KINDS, type RunConfig, runConfigSchema } from './runConfig.ts';
import type { ListedFile, RunFiles } from './runFiles.ts';
import type { RunListing } from './runListing.ts';
import { completionsOf, METRICS_FILE, rowsOf } from './runRows.ts';
import type { MetricsRow } from './store.ts';

/** The file that makes a directory a run. */
export const CONFIG_FILE = 'config.json';
/** The file with the results of a run. */
export const SUMMARY_FILE = 'summary.json';
const MANIFEST_FILE = 'checkpoints/manifest.json';
/** The version of the manifest that this code reads. */
const MANIFEST_VERSION = 1;

/** Bytes at the end of the metrics that are read first; a row has a few hundred. */
const TAIL_BYTES = 1 << 14;

const share = z.number().min(-1).max(1);
const accuracySchema = z.object({
  correct: z.int().min(0),
  total: z.int().min(1),
  accuracy: share,
  low: share,
  high: share,
});
const improvementSchema = z.object({
  difference: share,
  low: share,
  high: share,
  mcnemarP: share,
  onlyFirst: z.int().min(0),
  onlySecond: z.int().min(0),
});
const summarySchema = z.object({
  interrupted: z.boolean(),
  baseline: accuracySchema.nullable(),
  final: accuracySchema.nullable(),
  improvement: improvementSchema.nullable(),
  phases: z.record(z.string(), z.object({ steps: z.int().min(0) }).optional()),
});
type ReadSummary = z.output<typeof summarySchema>;

/** A fault of a run's files, and its fix. */
class Fault extends Error {
  constructor(problem: string, fix: string) {
    super(`${problem}. ${fix}.`);
  }
}

/**
 * Read the facts of a run. Of the metrics only the end is read.
 * @param id names the run in its source.
 * @param isTraining true while a process holds the run's lock.
 */
export async function listingOf(id: string, files: RunFiles, isTraining = false): Promise<RunListing> {
  const reading = new Reading(files);
  const listed = (await reading.attempt(() => files.list())) ?? [];
  const config = await reading.attempt(() => readConfig(files));
  await reading.attempt(() => checkManifest(files, listed));
  const summary = (await reading.attempt(() => summaryOf(files, listed))) ?? null;
  const row = await reading.attempt(() => lastRow(files, listed));
  const configured = config ? configuredFields(config) : NO_CONFIG;
  const phase = row?.phase ?? null;
  const step = row?.step ?? 0;
  const steps = plannedSteps(configured, phase);
  const isFinished = summary !== null && isDone(summary, { phase, step, steps });
  // The results of an earlier session are not those of a run that was resumed.
  const results = isFinished ? summary : null;
  const baseline = summary?.baseline ?? (await reading.attempt(() => answered(files, listed))) ?? null;
  return {
    id,
    state: reading.problem !== null ? 'unreadable' : stateOf(isTraining, isFinished),
    problem: reading.problem,
    ...configured,
    modified: modifiedOf(listed),
    step,
    steps,
    phase,
    baseline,
    final: results?.final ?? null,
    improvement: results?.improvement ?? null,
    reward: typeof row?.reward === 'number' ? row.reward : null,
  };
}

/** Keeps the first fault of a run. */
class Reading {
  #problem: string | null = null;

  constructor(readonly files: RunFiles) {}

  /** The first fault and its fix; null without one. */
  get problem(): string | null {
    return this.#problem;
  }

  async attempt<Value>(read: () => Value | Promise<Value>): Promise<Value | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#problem ??= printable(error instanceof Fault ? error.message : `${problemOf(error)}.`);
      return undefined;
    }
  }
}

function stateOf(isTraining: boolean, isFinished: boolean): RunListing['state'] {
  if (isTraining) return 'training';
  return isFinished ? 'finished' : 'stopped';
}

/** Tell whether the summary is of the run's last step. A run may have been resumed and killed since. */
function isDone(
  { interrupted, phases }: ReadSummary,
  { phase, step, steps }: Pick<RunListing, 'phase' | 'step' | 'steps'>,
): boolean {
  const summed = phase === null ? 0 : (phases[phase]?.steps ?? 0);
  return !interrupted && step <= summed && (steps === null || step >= steps);
}

const has = (listed: readonly ListedFile[], name: string): boolean =>
  listed.some((file) => file.name === name);

function modifiedOf(listed: readonly ListedFile[]): number {
  const timeOf = (wanted: string): number => listed.find(({ name }) => name === wanted)?.modified ?? 0;
  return timeOf(METRICS_FILE) || timeOf(CONFIG_FILE);
}

/** Read a file of JSON. @throws Fault */
async function jsonOf(files: RunFiles, name: string, fix: string): Promise<unknown> {
  const bytes = await files.read(name);
  if (bytes === undefined) throw new Fault(`There is no ${name}`, fix);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Fault(`${name} is not JSON`, fix);
  }
}

const COPY = 'Put a copy of the file back';

/** Read config.json. @throws an error that names the fault and its fix. */
export async function readConfig(files: RunFiles): Promise<RunConfig> {
  const candidate = await jsonOf(files, CONFIG_FILE, COPY);
  const { data, error } = runConfigSchema.safeParse(candidate);
  if (data) return data;
  const kind = isRecord(candidate) ? candidate.kind : undefined;
  if (typeof kind === 'string' && !RUN_KINDS.some((known) => known === kind)) {
    throw new Fault(`${CONFIG_FILE} is of an unknown kind of run, ${JSON.stringify(kind)}`, NEWER);
  }
  const field = error.issues[0]?.path.join('.') || 'its content';
  throw new Fault(`${CONFIG_FILE} is not the config of a training run (${field})`, COPY);
}

const NEWER = 'Open it with the version of mathformer that wrote it, or a newer one';

/** @throws Fault for a damaged manifest, or one of another version. */
async function checkManifest(files: RunFiles, listed: readonly ListedFile[]): Promise<void> {
  if (!has(listed, MANIFEST_FILE)) return;
  const manifest = await jsonOf(files, MANIFEST_FILE, COPY);
  const version = isRecord(manifest) ? manifest.version : undefined;
  if (version === MANIFEST_VERSION) return;
  if (typeof version === 'number') throw new Fault(`${MANIFEST_FILE} has version ${version}`, NEWER);
  throw new Fault(`${MANIFEST_FILE} is not the manifest of checkpoints`, COPY);
}

async function summaryOf(files: RunFiles, listed: readonly ListedFile[]): Promise<ReadSummary | undefined> {
  if (!has(listed, SUMMARY_FILE)) return undefined;
  const fix = 'Put a copy of the file back, or resume the run, which writes it again';
  const { data } = summarySchema.safeParse(await jsonOf(files, SUMMARY_FILE, fix));
  if (data) return data;
  throw new Fault(`${SUMMARY_FILE} is not the summary of a training run`, fix);
}

/** Read the last whole row of the metrics; undefined without one. */
async function lastRow(files: RunFiles, listed: readonly ListedFile[]): Promise<MetricsRow | undefined> {
  const { bytes: size = 0 } = listed.find(({ name }) => name === METRICS_FILE) ?? {};
  for (let tail = TAIL_BYTES; size > 0; tail *= 8) {
    const from = Math.max(0, size - tail);
    // A row that begins before `from` is cut: it is no JSON, and skipped.
    const row = rowsOf((await files.read(METRICS_FILE, from)) ?? new Uint8Array()).rows.at(-1);
    if (row !== undefined || from === 0) return row;
  }
  return undefined;
}

/** Read the accuracy of the first evaluation, which is there before the summary; undefined without it. */
async function answered(files: RunFiles, listed: readonly ListedFile[]): Promise<Accuracy | undefined> {
  const name = completionsFile('baseline');
  if (!has(listed, name)) return undefined;
  const { rows } = completionsOf((await files.read(name)) ?? new Uint8Array());
  return rows.length > 0 ? accuracyOf(rows.map(isCorrect)) : undefined;
}
