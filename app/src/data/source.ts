/** The contract between pages and the places that runs come from: a server, this tab, a dropped directory, a report. */
import type { ListedFile, RunFiles, RunListing } from 'mathformer/training';

/** A change of a run. */
export type RunChange =
  /** Bytes were appended to a file that only grows, `metrics.jsonl`; they begin at `from`. */
  | { readonly type: 'append'; readonly file: string; readonly from: number; readonly bytes: Uint8Array }
  /** A file grew shorter: a run was resumed behind fewer rows. Readers read it again. */
  | { readonly type: 'cut'; readonly file: string }
  /** Files are new or have another content. */
  | { readonly type: 'files'; readonly files: readonly ListedFile[] }
  /** The run's entry in the list is another one. */
  | { readonly type: 'listing'; readonly listing: RunListing };

/** The connection of a source to the place that it reads. */
export type Connection = 'live' | 'reconnecting' | 'static';

/** A place that runs come from. Nothing of a run is read before it is opened. */
export interface RunSource {
  /** Name for people, such as the directory that is served. */
  readonly name: string;
  /** List the runs, the latest first. @throws MathformerError if the place cannot be read. */
  list(): Promise<readonly RunListing[]>;
  /** Open a run's files. */
  open(id: string): RunFiles;
  /**
   * Tell of every change of a run, beginning at `cursor` bytes of its metrics, without gaps and without repeats.
   * @returns a function that ends the subscription.
   */
  subscribe(id: string, cursor: number, on: (change: RunChange) => void): () => void;
  /** Tell when the list may be another one. @returns a function that ends the subscription. */
  watch(on: () => void): () => void;
  /** Tell the state of the connection, now and at each change. @returns a function that ends it. */
  connection(on: (state: Connection) => void): () => void;
}
