/** The runs that this browser keeps: directories in the private files of the page's origin. */
import { OpfsFiles } from 'mathformer/training';

/** The directory that holds a directory for each run. */
const RUNS = 'runs';

/** Name of the lock that the writer of a run holds. */
export const lockName = (id: string): string => `mathformer/${RUNS}/${id}`;

/** The channel on which writers tell that a run has changed. */
export const CHANNEL = 'mathformer-runs';

/** A run that has changed. */
export interface ChangedRun {
  readonly id: string;
}

/** Open the directory of runs. @throws DOMException where the browser keeps no files. */
export async function runsDirectory(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(RUNS, { create: true });
}

/** The files of a run. */
export const filesOfRun = (directory: FileSystemDirectoryHandle, id: string): OpfsFiles =>
  new OpfsFiles(directory, id);

/** Longest time to wait for the writer of a run: a Worker that was ended takes a moment to let it go. */
const RELEASED_MS = 2000;

/** Remove a run; one that has no files yet needs nothing. @throws DOMException while another tab trains it. */
export async function removeRun(directory: FileSystemDirectoryHandle, id: string): Promise<void> {
  const signal = AbortSignal.timeout(RELEASED_MS);
  await navigator.locks.request(lockName(id), { signal }, async () => {
    try {
      await directory.removeEntry(id, { recursive: true });
    } catch (error) {
      if (!(error instanceof Error && error.name === 'NotFoundError')) throw error;
    }
  });
  tellChanged(id);
}

/** Tell all pages of this origin that a run has changed. */
export function tellChanged(id: string): void {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage({ id } satisfies ChangedRun);
  channel.close();
}

/** Name a new run by the time: `2026-03-01T12-30-05-sums`. */
export const newRunId = (preset: string, now = new Date()): string =>
  `${now.toISOString().slice(0, 19).replaceAll(':', '-')}-${preset}`;
