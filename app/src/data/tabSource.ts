/** The runs of this browser: those that the Lab has trained or that were put into it. */
import {
  type ListedFile,
  listingOf,
  METRICS_FILE,
  type RunFiles,
  type RunListing,
} from 'mathformer/training';
import { CHANNEL, type ChangedRun, filesOfRun, lockName, runsDirectory } from '../lab/labFiles.ts';
import type { RunChange, RunSource } from './source.ts';

/** Open the runs of this browser; undefined where it keeps no files. */
export async function openTabSource(): Promise<RunSource | undefined> {
  if (!('storage' in navigator) || !navigator.storage.getDirectory) return undefined;
  try {
    return new TabSource(await runsDirectory());
  } catch {
    // A private window: the Lab says what that means for what it trains.
    return undefined;
  }
}

class TabSource implements RunSource {
  readonly name = 'this browser';

  constructor(private readonly directory: FileSystemDirectoryHandle) {}

  async list(): Promise<readonly RunListing[]> {
    const locked = await lockedNames();
    const listings: RunListing[] = [];
    for await (const [id, { kind }] of this.directory.entries()) {
      if (kind === 'directory') listings.push(await this.#listing(id, locked));
    }
    return listings.sort((a, b) => b.modified - a.modified);
  }

  open(id: string): RunFiles {
    return filesOfRun(this.directory, id);
  }

  subscribe(id: string, cursor: number, on: (change: RunChange) => void): () => void {
    const follower = new Follower(this.open(id), cursor, on, async () =>
      this.#listing(id, await lockedNames()),
    );
    void follower.look();
    return whenChanged((changed) => {
      if (changed === id) void follower.look();
    });
  }

  watch(on: () => void): () => void {
    return whenChanged(on);
  }

  connection(on: (state: 'static') => void): () => void {
    on('static');
    return () => undefined;
  }

  #listing(id: string, locked: ReadonlySet<string>): Promise<RunListing> {
    return listingOf(id, this.open(id), locked.has(lockName(id)));
  }
}

/** Reads what is new of a run, one reading at a time. */
class Follower {
  #isReading = false;
  #isChanged = false;
  #known = new Map<string, string>();
  #listing = '';

  constructor(
    private readonly files: RunFiles,
    private cursor: number,
    private readonly on: (change: RunChange) => void,
    private readonly listing: () => Promise<RunListing>,
  ) {}

  /** Read, and read again if there were changes meanwhile. */
  async look(): Promise<void> {
    this.#isChanged = true;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isChanged) {
        this.#isChanged = false;
        await this.#read();
      }
    } catch (error) {
      // The run was removed, or is being written: the next change looks again.
      console.warn('A run of this browser cannot be read.', error);
    } finally {
      this.#isReading = false;
    }
  }

  async #read(): Promise<void> {
    const listed = await this.files.list();
    const size = listed.find(({ name }) => name === METRICS_FILE)?.bytes ?? 0;
    if (size < this.cursor) {
      this.cursor = 0;
      this.on({ type: 'cut', file: METRICS_FILE });
    }
    if (size > this.cursor) {
      const bytes = (await this.files.read(METRICS_FILE, this.cursor)) ?? new Uint8Array();
      this.on({ type: 'append', file: METRICS_FILE, from: this.cursor, bytes });
      this.cursor += bytes.length;
    }
    const others = listed.filter((file) => file.name !== METRICS_FILE && this.#isNew(file));
    if (others.length > 0) this.on({ type: 'files', files: others });
    const listing = await this.listing();
    const text = JSON.stringify(listing);
    if (text !== this.#listing) this.on({ type: 'listing', listing });
    this.#listing = text;
  }

  #isNew({ name, bytes, modified }: ListedFile): boolean {
    const mark = `${bytes} ${modified}`;
    const isNew = this.#known.get(name) !== mark;
    this.#known.set(name, mark);
    return isNew;
  }
}

/** Call when a run has changed, here or in another tab. @returns a function that ends it. */
function whenChanged(on: (id: string) => void): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.onmessage = ({ data }: MessageEvent<ChangedRun>) => on(data.id);
  return () => channel.close();
}

/** Names of the locks that writers hold. */
async function lockedNames(): Promise<ReadonlySet<string>> {
  const { held = [] } = await navigator.locks.query();
  return new Set(held.flatMap(({ name }) => name ?? []));
}
