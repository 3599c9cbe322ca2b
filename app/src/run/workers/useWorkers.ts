/** Reads workers.jsonl of a run, and what it grows by. */
import { WORKERS_FILE, type WorkerRow, workersOf } from 'mathformer/training';
import { useEffect, useState } from 'preact/hooks';
import { GrowingRows } from '../../data/growingRows.ts';
import type { Loaded } from '../../data/resource.ts';
import type { RunData } from '../../data/runData.ts';
import { WorkerHistory } from './workerHistory.ts';

/** Bytes that are parsed in one turn, so that the page stays fluid. */
const SLICE = 1 << 20;

/** The history as far as it was read. The history grows; the object is another one whenever it has grown. */
export interface ReadHistory {
  readonly history: WorkerHistory;
}

/** Read the workers of a run; undefined if it has none. While more is read, the former value stays. */
export function useWorkers(run: RunData): Loaded<ReadHistory | undefined> {
  const files = run.files.value;
  const listed = files.state === 'ready' ? files.value.find(({ name }) => name === WORKERS_FILE) : undefined;
  const version = listed && `${listed.bytes} ${listed.modified}`;
  const [reader, setReader] = useState<WorkersReader>();
  const [read, setRead] = useState<Loaded<ReadHistory>>({ state: 'loading' });
  useEffect(() => {
    const made = new WorkersReader(run, setRead);
    setRead({ state: 'loading' });
    setReader(made);
    return () => made.end();
  }, [run]);
  useEffect(() => {
    if (version !== undefined) reader?.look();
  }, [reader, version]);
  if (files.state === 'failed') return files;
  if (files.state === 'ready' && !listed) return { state: 'ready', value: undefined };
  return read;
}

/** Reads one run, one reading at a time. */
class WorkersReader {
  #rows = new GrowingRows<WorkerRow>(workersOf);
  #history = new WorkerHistory();
  #isReading = false;
  #isChanged = false;
  #isEnded = false;

  constructor(
    private readonly run: RunData,
    private readonly on: (read: Loaded<ReadHistory>) => void,
  ) {}

  /** Read what is new, and again if there were changes meanwhile. */
  look(): void {
    this.#isChanged = true;
    if (!this.#isReading) void this.#read();
  }

  end(): void {
    this.#isEnded = true;
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#isChanged && !this.#isEnded) {
        this.#isChanged = false;
        await this.#take(await this.#rest());
      }
    } catch (error) {
      if (!this.#isEnded) this.on({ state: 'failed', error });
    } finally {
      this.#isReading = false;
    }
  }

  async #rest(): Promise<Uint8Array> {
    const bytes = await this.#rows.rest((from) => this.run.bytesFrom(WORKERS_FILE, from));
    if (bytes) return bytes;
    this.#rows = new GrowingRows(workersOf);
    this.#history = new WorkerHistory();
    return this.#rest();
  }

  async #take(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length && !this.#isEnded; from += SLICE) {
      if (from > 0) await new Promise((resolve) => setTimeout(resolve));
      this.#history.push(this.#rows.push(bytes.subarray(from, from + SLICE)));
    }
    if (!this.#isEnded) this.on({ state: 'ready', value: { history: this.#history } });
  }
}
