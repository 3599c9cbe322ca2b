/** A store on disk, with one directory for each run. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { problemOf } from '../base/errors.ts';
import type { RunConfig } from '../training/runConfig.ts';
import type { ResumePoint, Store } from '../training/store.ts';
import { resumedCsv } from './csvPlace.ts';
import { readOrdinaryFile } from './ordinaryFile.ts';
import { resumePoint, type TrainOn } from './resumePoint.ts';
import { Run } from './run.ts';

/** Options of a store on disk. */
export interface DiskStoreOptions {
  /** Directory of the run: new or empty, unless a run is resumed. Default: `runs/<time>-<kind>`. */
  readonly directory?: string | undefined;
  /** To resume the run in the directory: its config. */
  readonly resume?: RunConfig | undefined;
  /** Also write the metrics to this CSV file; '' for none. Default for a resumed run: its own file. */
  readonly csv?: string | undefined;
  /** Also write the metrics for TensorBoard. */
  readonly tensorboard?: boolean | undefined;
  readonly trainOn?: TrainOn | undefined;
}

/** Keep a run in a directory. Everything is written before a method returns. */
export class DiskStore implements Store {
  #directory: string | undefined;
  #config: RunConfig | undefined;
  /** The requested CSV file, until a session has opened it. */
  #wantedCsv: string | undefined;
  #csv: string | undefined;

  constructor(private readonly options: DiskStoreOptions) {
    this.#directory = options.directory;
    this.#config = options.resume;
    this.#wantedCsv = options.csv;
  }

  /** The CSV file of the open run. */
  get csv(): string | undefined {
    return this.#csv;
  }

  config(): RunConfig | undefined {
    return this.#config;
  }

  resumePoint(onDamage: (problem: string) => void): ResumePoint | undefined {
    return resumePoint(this.path(''), (error) => onDamage(problemOf(error)), this.options.trainOn);
  }

  readText(name: string): string | undefined {
    const path = this.path(name);
    return existsSync(path) ? readOrdinaryFile(path, 'put a copy back').toString('utf8') : undefined;
  }

  path(name: string): string {
    return name === '' ? (this.#directory ?? 'runs') : join(this.#directory ?? 'runs', name);
  }

  /** @throws FileError, e.g. ALREADY_EXISTS for a new run in a directory that holds anything, or IN_USE. */
  open(config: RunConfig, resume: { readonly rows: number } | undefined): Run {
    const { tensorboard } = this.options;
    const csv = resume ? (this.#wantedCsv ?? this.#ownCsv(config)) : this.#wantedCsv;
    this.#csv = csv || undefined;
    const places = { directory: this.#directory, csv: this.#csv, tensorboard };
    const run = new Run({ kind: config.kind, config, ...places, resume });
    this.#directory = run.directory;
    this.#config = config;
    this.#wantedCsv = undefined;
    return run;
  }

  /** Return the CSV file of the run in earlier sessions. */
  #ownCsv({ options: { logCsv } }: RunConfig): string | undefined {
    return resumedCsv(this.path(''), typeof logCsv === 'string' && logCsv !== '');
  }
}
