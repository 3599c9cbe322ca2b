/** A store that keeps a run in memory: for experiments, tests, and pages that let people download what they trained. */
import { type Checkpoint, writeCheckpoint } from '../formats/index.ts';
import {
  type BestCheckpoint,
  type CheckpointList,
  cutAfter,
  type ListedCheckpoint,
  withAccuracy,
  withCheckpoint,
} from './checkpointList.ts';
import type { RunConfig } from './runConfig.ts';
import { stateSchema } from './sessionState.ts';
import type {
  MetricsRow,
  ResumePoint,
  SaveOptions,
  Store,
  StoredCheckpoints,
  StoredRun,
  TrainingCheckpoint,
} from './store.ts';

/** The name of the place that errors and events have. */
const PLACE = 'memory';

/** Keeps one run, by the names that its files would have on disk. */
export class MemoryStore implements Store, StoredRun {
  readonly directory = PLACE;
  /** Texts, and weights as safetensors, by path, such as `summary.json` and `checkpoints/rl_model_final.safetensors`. */
  readonly files = new Map<string, string | Uint8Array>();
  readonly #checkpoints = new MemoryCheckpoints(this.files);
  #config: RunConfig | undefined;
  #rows: readonly MetricsRow[] = [];

  get rows(): readonly MetricsRow[] {
    return this.#rows;
  }

  get checkpoints(): StoredCheckpoints {
    return this.#checkpoints;
  }

  config(): RunConfig | undefined {
    return this.#config;
  }

  resumePoint(): ResumePoint | undefined {
    return this.#checkpoints.latest();
  }

  readText(name: string): string | undefined {
    const file = this.files.get(name);
    return typeof file === 'string' ? file : undefined;
  }

  path(name: string): string {
    return name;
  }

  open(config: RunConfig, resume: { readonly rows: number } | undefined): StoredRun {
    this.#config = config;
    this.#rows = this.#rows.slice(0, resume?.rows ?? 0);
    this.writeJson('config.json', config);
    return this;
  }

  log(row: MetricsRow): void {
    this.#rows = [...this.#rows, row];
  }

  syncedRows(): number {
    return this.#rows.length;
  }

  writeJson(name: string, value: unknown): void {
    this.files.set(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  writeLines(name: string, rows: readonly object[]): void {
    this.files.set(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  readLines(name: string): unknown[] | undefined {
    const lines = this.readText(name)?.split('\n');
    return lines?.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  saveCheckpoint(name: string, checkpoint: Checkpoint): string {
    const path = weightsPath(name);
    this.files.set(path, writeCheckpoint(checkpoint));
    return path;
  }

  close(): void {}
}

class MemoryCheckpoints implements StoredCheckpoints {
  #list: CheckpointList = { checkpoints: [], best: null };
  readonly #saved = new Map<string, TrainingCheckpoint>();

  /** @param files take the weights of each checkpoint. */
  constructor(private readonly files: Map<string, string | Uint8Array>) {}

  get entries(): readonly ListedCheckpoint[] {
    return this.#list.checkpoints;
  }

  get best(): BestCheckpoint | null {
    return this.#list.best;
  }

  path(name: string): string {
    return weightsPath(name);
  }

  save(checkpoint: TrainingCheckpoint, options: SaveOptions): string {
    const { name, step, temporary = false, keepLast = 0, accuracy = null } = options;
    const path = weightsPath(name);
    if (this.#saved.has(name)) return path;
    this.files.set(path, writeCheckpoint(checkpoint.model));
    this.#saved.set(name, checkpoint);
    this.#keep(withCheckpoint(this.#list, { name, step, temporary }, { accuracy, keepLast }));
    return path;
  }

  offer(name: string, accuracy: number): boolean {
    return this.#keep(withAccuracy(this.#list, name, accuracy));
  }

  forgetAfter(name: string): void {
    this.#keep(cutAfter(this.#list, name));
  }

  /** Read the last one. @throws ZodError if it was not saved by a session. */
  latest(): ResumePoint | undefined {
    const entry = this.entries.at(-1);
    const saved = entry && this.#saved.get(entry.name);
    return saved && { ...entry, ...saved, session: stateSchema.parse(saved.session) };
  }

  /** Take a list, and remove what it no longer has; returns whether there was one. */
  #keep(list: CheckpointList | undefined): boolean {
    if (list === undefined) return false;
    this.#list = list;
    const kept = new Set(list.checkpoints.map(({ name }) => name));
    for (const name of this.#saved.keys()) {
      if (kept.has(name)) continue;
      this.#saved.delete(name);
      this.files.delete(weightsPath(name));
    }
    return true;
  }
}

const weightsPath = (name: string): string => `checkpoints/${name}.safetensors`;
