/** The runs below the served directory: their list, kept up to date while somebody asks. */
import { DiskFiles } from '../runs/diskFiles.ts';
import { findRuns } from '../runs/findRuns.ts';
import { isLocked } from '../runs/lock.ts';
import { completionsFile } from '../training/completions.ts';
import { CONFIG_FILE, listingOf, SUMMARY_FILE } from '../training/readListing.ts';
import type { RunListing } from '../training/runListing.ts';
import { METRICS_FILE } from '../training/runRows.ts';

/** Milliseconds for which the list counts as up to date. */
const FRESH_MS = 900;

/** Files that a listing depends on. */
const READ = [
  CONFIG_FILE,
  METRICS_FILE,
  SUMMARY_FILE,
  'checkpoints/manifest.json',
  completionsFile('baseline'),
];

/** A run in the list, and what its listing was read from. */
interface Known {
  readonly files: DiskFiles;
  readonly state: string;
  readonly listing: RunListing;
  /** The version of the list that first had this listing. */
  readonly version: number;
}

/** Changes of the list since a version. */
export interface ListChanges {
  readonly version: number;
  readonly listings: readonly RunListing[];
  readonly gone: readonly string[];
}

/** Lists the runs at and below a directory. */
export class ServedRuns {
  #known: ReadonlyMap<string, Known> = new Map();
  /** Ids that were in the list, with the version that first lacked them. */
  readonly #gone = new Map<string, number>();
  #version = 0;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(
    readonly directory: string,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** List the runs, the latest first. @throws FileError if the directory cannot be read. */
  async list(): Promise<readonly RunListing[]> {
    await this.refresh();
    return [...this.#known.values()].map(({ listing }) => listing).toSorted(byTime);
  }

  /** Return the files of a run; undefined if no run has the id. @throws FileError if the directory cannot be read. */
  async files(id: string): Promise<DiskFiles | undefined> {
    if (!this.#known.has(id)) await this.refresh();
    return this.#known.get(id)?.files;
  }

  /** Return the listing of a run; undefined if no run has the id. @throws FileError if the directory cannot be read. */
  async listing(id: string): Promise<RunListing | undefined> {
    await this.refresh();
    return this.#known.get(id)?.listing;
  }

  /** Return what has changed since a version of the list. @throws FileError if the directory cannot be read. */
  async changes(since: number): Promise<ListChanges> {
    await this.refresh();
    const listings = [...this.#known.values()].filter(({ version }) => version > since);
    const gone = [...this.#gone].filter(([, version]) => version > since).map(([id]) => id);
    return { version: this.#version, listings: listings.map(({ listing }) => listing), gone };
  }

  /** Look at the disk, unless that was done a moment ago. */
  async refresh(): Promise<void> {
    if (this.now() - this.#refreshedAt < FRESH_MS) return;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const found = findRuns(this.directory);
    const version = this.#version + 1;
    const known = new Map<string, Known>();
    for (const { id, directory } of found) {
      const before = this.#known.get(id);
      const files = before?.files ?? new DiskFiles(directory);
      known.set(id, await updated(id, files, before, version));
    }
    for (const id of this.#known.keys()) if (!known.has(id)) this.#gone.set(id, version);
    for (const id of known.keys()) this.#gone.delete(id);
    this.#known = known;
    this.#version = version;
    this.#refreshedAt = this.now();
  }
}

/** Read a run again if one of the files that its listing is read from has changed. */
async function updated(
  id: string,
  files: DiskFiles,
  before: Known | undefined,
  version: number,
): Promise<Known> {
  const isTraining = isLocked(files.directory);
  const state = JSON.stringify([isTraining, ...READ.map((name) => files.stat(name) ?? null)]);
  if (before?.state === state) return before;
  return { files, state, listing: await listingOf(id, files, isTraining), version };
}

const timeOf = ({ startedAt, modified }: RunListing): number =>
  startedAt === null ? modified : Date.parse(startedAt);

const byTime = (a: RunListing, b: RunListing): number => timeOf(b) - timeOf(a) || (a.id < b.id ? -1 : 1);
