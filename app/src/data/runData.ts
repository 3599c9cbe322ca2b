/** An open run: its files and metrics as signals, kept up to date by its source. */
import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import { MathformerError } from 'mathformer';
import { Warnings } from 'mathformer/grpo';
import {
  CONFIG_FILE,
  type ListedFile,
  METRICS_FILE,
  type RunConfig,
  type RunFiles,
  type RunListing,
  readConfig,
  rowsOf,
  type StepTrace,
  SUMMARY_FILE,
  type Summary,
  tracedStep,
} from 'mathformer/training';
import type { RunRef } from '../shell/routes.ts';
import { Columns } from './columns.ts';
import { GrowingRows } from './growingRows.ts';
import { evaluationsIn, type KeptEvaluation } from './keptEvaluations.ts';
import { Resource } from './resource.ts';
import type { RunChange, RunSource } from './source.ts';
import { TraceCache } from './traceCache.ts';

/** Bytes of metrics that are read in one turn, so that the page stays fluid. */
const SLICE = 1 << 20;
/** Time between two drawings while rows are read. */
const DRAW_MS = 300;

/** Rows of a run by phase. The arrays behind `Columns` grow; the object is another one whenever there are more rows. */
export interface Metrics {
  readonly phases: ReadonlyMap<string, Columns>;
  /** All rows that are there now have been read. */
  readonly complete: boolean;
}

/** A warning about a step of GRPO. */
export interface RunWarning {
  readonly step: number;
  readonly name: string;
  readonly problem: string;
  readonly fix: string;
}

export class RunData {
  readonly listing = signal<RunListing>();
  readonly metrics = signal<Metrics>({ phases: new Map(), complete: false });
  readonly warnings = signal<readonly RunWarning[]>([]);
  /** The fault of the latest reading; undefined without one. */
  readonly failure = signal<unknown>(undefined);
  readonly files: Resource<readonly ListedFile[]>;
  readonly config: Resource<RunConfig>;
  readonly summary: Resource<Summary | undefined>;
  /** Steps that have a trace, ascending. */
  readonly traceSteps: ReadonlySignal<readonly number[]>;
  /** Evaluations whose answers are kept, in the order of training. */
  readonly evaluations: ReadonlySignal<readonly KeptEvaluation[]>;

  readonly #files: RunFiles;
  readonly #phases = new Map<string, Columns>();
  readonly #found: RunWarning[] = [];
  readonly #traces = new TraceCache((name) => this.bytes(name));
  #rows = new GrowingRows(rowsOf);
  #checks = new Warnings();
  #end: (() => void) | undefined;
  #started = Promise.resolve();
  #users = 0;

  constructor(
    readonly ref: RunRef,
    private readonly source: RunSource,
  ) {
    this.#files = source.open(ref.id);
    this.files = new Resource(() => this.#files.list());
    this.config = new Resource(() => readConfig(this.#files));
    this.summary = new Resource(async () => summaryFrom(await this.json(SUMMARY_FILE)));
    this.traceSteps = computed(() => stepsOfTraces(this.files.ready ?? []));
    this.evaluations = computed(() => evaluationsIn(this.files.ready ?? []));
  }

  /** Read the run and follow it until the returned function is called. What was read before is not read again. */
  follow(): () => void {
    if (this.#users++ === 0) this.#begin();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      if (--this.#users === 0) this.#stop();
    };
  }

  /** Read a file; undefined if the run has none of that name. */
  async bytes(name: string): Promise<Uint8Array | undefined> {
    return this.#files.read(name);
  }

  /** Read a file from an offset on: no bytes if the run has none of that name. */
  async bytesFrom(name: string, from: number): Promise<Uint8Array> {
    return (await this.#files.read(name, from)) ?? new Uint8Array();
  }

  /** Read a JSON file; undefined if the run has none of that name. */
  async json(name: string): Promise<unknown> {
    const bytes = await this.bytes(name);
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  }

  /** Read the rows of a file of JSON lines; undefined if the run has none of that name. */
  async lines(name: string): Promise<readonly unknown[] | undefined> {
    const bytes = await this.bytes(name);
    const lines = bytes && new TextDecoder().decode(bytes).split('\n');
    return lines?.filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** Read the trace of a step. @throws MathformerError if it cannot be read. */
  trace(step: number): Promise<StepTrace> {
    return this.#traces.get(step);
  }

  /** Start once an earlier start has ended: bytes are read in one turn. */
  #begin(): void {
    this.#started = this.#started.then(() => this.#start());
  }

  async #start(): Promise<void> {
    if (this.#users === 0 || this.#end) return;
    try {
      if (!this.listing.peek()) await this.#list();
      await this.#readMetrics();
      if (this.#users === 0) return;
      this.#end = this.#subscribed();
      this.failure.value = undefined;
    } catch (error) {
      this.failure.value = error;
    }
  }

  /** Subscribe from the end of what was read on. @returns a function that ends it; changes that come late are left out. */
  #subscribed(): () => void {
    let isEnded = false;
    const end = this.source.subscribe(this.ref.id, this.#rows.end, (change) => {
      if (!isEnded) this.#apply(change);
    });
    return () => {
      isEnded = true;
      end();
    };
  }

  #stop(): void {
    this.#end?.();
    this.#end = undefined;
  }

  async #list(): Promise<void> {
    const runs = await this.source.list();
    this.listing.value = runs.find(({ id }) => id === this.ref.id);
    const { id } = this.ref;
    if (!this.listing.value) throw missing('NO_RUN', `there is no run ${id}`, 'choose one of the list');
  }

  async #readMetrics(): Promise<void> {
    const bytes = await this.#freshBytes();
    let drawn = Number.NEGATIVE_INFINITY;
    for (let from = 0; from < bytes.length; from += SLICE) {
      this.#take(bytes.subarray(from, from + SLICE));
      if (from + SLICE >= bytes.length) break;
      if (performance.now() - drawn > DRAW_MS) {
        this.#publish(false);
        drawn = performance.now();
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    this.#publish(true);
  }

  /** Read the metrics behind what was read; all, if that is no longer part of the file. */
  async #freshBytes(): Promise<Uint8Array> {
    const bytes = await this.#rows.rest((from) => this.bytesFrom(METRICS_FILE, from));
    if (bytes) return bytes;
    this.#forget();
    return this.#freshBytes();
  }

  #apply(change: RunChange): void {
    switch (change.type) {
      case 'append': {
        const known = this.#rows.end - change.from;
        if (change.file !== METRICS_FILE || known < 0) break;
        this.#take(change.bytes.subarray(known));
        this.#publish(true);
        break;
      }
      case 'cut':
        if (change.file === METRICS_FILE) this.#restart();
        break;
      case 'files':
        this.#refresh(change.files);
        break;
      case 'listing':
        this.listing.value = change.listing;
        break;
      default:
        change satisfies never;
    }
  }

  /** Begin again: rows that were read are no longer part of the run. */
  #restart(): void {
    this.#stop();
    this.#forget();
    this.#begin();
  }

  #forget(): void {
    this.#phases.clear();
    this.#traces.clear();
    this.#found.length = 0;
    this.#rows = new GrowingRows(rowsOf);
    this.#checks = new Warnings();
    this.warnings.value = [];
  }

  #refresh(changed: readonly ListedFile[]): void {
    const names = new Set(changed.map(({ name }) => name));
    this.files.refresh();
    if (names.has(CONFIG_FILE)) this.config.refresh();
    if (names.has(SUMMARY_FILE)) this.summary.refresh();
    for (const name of names) {
      const step = tracedStep(name);
      if (step !== undefined) this.#traces.forget(step);
    }
  }

  /** Take the next bytes of the metrics. */
  #take(bytes: Uint8Array): void {
    for (const row of this.#rows.push(bytes)) {
      this.#columnsOf(row.phase).push(row);
      if (row.phase === 'grpo') this.#found.push(...this.#warningsOf(row));
    }
  }

  /** Show the rows that were taken. */
  #publish(complete: boolean): void {
    batch(() => {
      this.metrics.value = { phases: new Map(this.#phases), complete };
      if (this.#found.length !== this.warnings.peek().length) this.warnings.value = [...this.#found];
    });
  }

  #columnsOf(phase: string): Columns {
    const known = this.#phases.get(phase);
    if (known) return known;
    const made = new Columns();
    this.#phases.set(phase, made);
    return made;
  }

  #warningsOf(row: { readonly step: number; readonly [name: string]: unknown }): RunWarning[] {
    const numbers = Object.entries(row).map(([name, value]) => [name, numberOf(value)] as const);
    return this.#checks
      .check(row.step, Object.fromEntries(numbers))
      .map((warning) => ({ step: row.step, ...warning }));
  }
}

const missing = (code: string, problem: string, fix: string): MathformerError =>
  new MathformerError(problem, { code, where: 'the run', fix });

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);

/** Believe a summary that has its parts; an older one has fewer. */
function summaryFrom(json: unknown): Summary | undefined {
  return isSummary(json) ? json : undefined;
}

const isSummary = (json: unknown): json is Summary =>
  typeof json === 'object' && json !== null && 'phases' in json && 'adapter' in json && 'baseline' in json;

const stepsOfTraces = (files: readonly ListedFile[]): readonly number[] =>
  files.flatMap(({ name }) => tracedStep(name) ?? []).toSorted((a, b) => a - b);
