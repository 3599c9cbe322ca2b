/**
 * A store over the files of a run, wherever they lie. It writes the same files as a run on disk does, so that either resumes the
 * other's runs:
 *
 *     config.json        options, model, adapter, versions: everything needed to repeat the run
 *     metrics.jsonl      one row per step
 *     workers.jsonl      one row per worker and step, if other machines take part
 *     evaluation.jsonl   the held-out problems; NAME_completions.jsonl: a model's answers to them
 *     trace/             stepN.safetensors: groups of a step of GRPO, token by token
 *     summary.json       the results, once there are some
 *     checkpoints/       NAME.safetensors, and the files needed to resume (checkpointFormat.ts)
 */

import { MathformerError } from '../base/errors.ts';
import { jsonObject } from '../base/json.ts';
import { printable } from '../formats/error.ts';
import { type Checkpoint, writeCheckpoint } from '../formats/index.ts';
import { damaged, documentFile, MANIFEST } from './checkpointFormat.ts';
import { FileCheckpoints, weightsPath } from './fileCheckpoints.ts';
import { encodedRows, parsedRows, rowEnds } from './metricsLines.ts';
import { CONFIG_FILE } from './readListing.ts';
import { checkedResumePoint, checkNothingToLose } from './resultsAtRisk.ts';
import { type RunConfig, runConfigSchema } from './runConfig.ts';
import type { WritableRunFiles } from './runFiles.ts';
import { METRICS_FILE, WORKERS_FILE } from './runRows.ts';
import type { Awaitable, MetricsRow, ResumePoint, Store, StoredRun, WorkerRow } from './store.ts';
import { keptWorkerRows } from './workerRows.ts';

/** Options of a store over files. */
export interface FileStoreOptions {
  /** The name of the place, for people. */
  readonly name: string;
  /** Lock the run for this writer; returns a function that unlocks it. @throws MathformerError, IN_USE. Default: no lock. */
  readonly lock?: (() => Awaitable<() => void>) | undefined;
}

/** Keep a run in files. Everything is written before a method's promise resolves. */
export class FileStore implements Store {
  /** @param files of one run. */
  constructor(
    readonly files: WritableRunFiles,
    private readonly options: FileStoreOptions,
  ) {}

  /** @throws MathformerError, DAMAGED if config.json is not that of a training. */
  async config(): Promise<RunConfig | undefined> {
    const text = await this.readText(CONFIG_FILE);
    if (text === undefined) return undefined;
    const { data, error } = runConfigSchema.safeParse(jsonObject(text));
    if (data) return data;
    const key = printable(error.issues[0]?.path.join('.') ?? '');
    throw damaged(this.path(CONFIG_FILE), `it is not the config of a training run (${key})`);
  }

  async resumePoint(onDamage: (problem: string) => void): Promise<ResumePoint | undefined> {
    const checkpoints = await this.#checkpoints();
    const found = await checkpoints.latest(({ message }) => onDamage(message));
    if (found) return checkedResumePoint(found, this.path(`checkpoints/${documentFile(found.name)}`));
    const filled = (await this.files.list()).filter(({ bytes }) => bytes > 0).map(({ name }) => name);
    const remains = {
      isFilled: (name: string) => filled.includes(name),
      unlisted: await checkpoints.unlisted(),
    };
    const fix = 'begin a new run, or open a copy of this one';
    checkNothingToLose(this.path(`checkpoints/${MANIFEST}`), remains, () => fix);
    return undefined;
  }

  async readText(name: string): Promise<string | undefined> {
    return textOf(await this.files.read(name));
  }

  path(name: string): string {
    return name === '' ? this.options.name : `${this.options.name}/${name}`;
  }

  /** @throws MathformerError: ALREADY_EXISTS for a new run where there are files, ROWS_MISSING, or IN_USE. */
  async open(config: RunConfig, resume: { readonly rows: number } | undefined): Promise<StoredRun> {
    const unlock = (await this.options.lock?.()) ?? (() => undefined);
    try {
      if (resume) await this.#keepRows(resume.rows);
      else await this.#checkEmpty();
      const checkpoints = await this.#checkpoints();
      const run = new FileRun(this, checkpoints, unlock, resume?.rows ?? 0);
      await run.writeJson(CONFIG_FILE, config);
      return run;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  #checkpoints(): Promise<FileCheckpoints> {
    return FileCheckpoints.open(this.files, (name) => this.path(name));
  }

  async #checkEmpty(): Promise<void> {
    if ((await this.files.list()).length === 0) return;
    const details = { code: 'ALREADY_EXISTS', where: this.path(''), fix: 'choose another name for the run' };
    throw new MathformerError(`${this.path('')}: there are files already`, details);
  }

  /** Cut the metrics to their first rows, and the rows of the workers to the same steps. A torn last row goes, too. */
  async #keepRows(rows: number): Promise<void> {
    const bytes = (await this.files.read(METRICS_FILE)) ?? new Uint8Array();
    const ends = [0, ...rowEnds(bytes)];
    const end = ends[rows];
    if (end === undefined) {
      const problem = `it has ${ends.length - 1} whole rows of metrics, but ${rows} were written before the checkpoint`;
      const fix = 'put a copy back, or start a new run';
      const details = { code: 'ROWS_MISSING', where: this.path(METRICS_FILE), fix };
      throw new MathformerError(`${this.path(METRICS_FILE)}: ${problem}`, details);
    }
    if (end < bytes.length) await this.files.truncate(METRICS_FILE, end);
    const workers = (await this.files.read(WORKERS_FILE)) ?? new Uint8Array();
    const workersEnd = [...keptWorkerRows(workers, parsedRows(bytes.subarray(0, end)))].at(-1) ?? 0;
    if (workersEnd < workers.length) await this.files.truncate(WORKERS_FILE, workersEnd);
  }
}

/** An open run in files. */
class FileRun implements StoredRun {
  readonly directory: string;

  constructor(
    private readonly store: FileStore,
    readonly checkpoints: FileCheckpoints,
    readonly close: () => void,
    private rows: number,
  ) {
    this.directory = store.path('');
  }

  async log(row: MetricsRow, workers: readonly WorkerRow[] = []): Promise<void> {
    const { files } = this.store;
    if (workers.length > 0) await files.append(WORKERS_FILE, encodedRows(workers));
    await files.append(METRICS_FILE, encodedRows([row]));
    this.rows++;
  }

  syncedRows(): number {
    return this.rows;
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.#write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  async writeBytes(name: string, bytes: Uint8Array): Promise<void> {
    await this.store.files.write(name, bytes);
  }

  async writeLines(name: string, rows: readonly object[]): Promise<void> {
    await this.#write(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  async readLines(name: string): Promise<unknown[] | undefined> {
    const lines = (await this.store.readText(name))?.split('\n');
    return lines?.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  async saveCheckpoint(name: string, checkpoint: Checkpoint): Promise<string> {
    await this.store.files.write(weightsPath(name), writeCheckpoint(checkpoint));
    return this.checkpoints.path(name);
  }

  async #write(name: string, text: string): Promise<void> {
    await this.store.files.write(name, new TextEncoder().encode(text));
  }
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}
