/** The places that runs come from: those that this page finds, and a directory that is dropped on it. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import type { RunSource } from '../data/source.ts';
import type { SourceName } from './routes.ts';

export type Sources = ReadonlyMap<SourceName, RunSource>;

const found = signal<Sources>(new Map());
const searched = signal(false);

/** The sources that are there, by name. */
export const sources: ReadonlySignal<Sources> = found;

/** True once all places were looked at. */
export const isSearched: ReadonlySignal<boolean> = searched;

/** True where a server or a report brings runs: the page is a dashboard, not a lab. */
export const isDashboard: ReadonlySignal<boolean> = computed(
  () => found.value.has('server') || found.value.has('report'),
);

/** Looks for a source; gives undefined where there is none. */
export type Finder = () => Promise<RunSource | undefined>;

/** The places to look at. Each is read by its own part of the app, which loads only if it is needed. */
const FINDERS: ReadonlyMap<SourceName, Finder> = new Map([
  ['report', async () => (await import('../data/reportSource.ts')).findReport()],
  ['server', async () => (await import('../data/serverSource.ts')).findServer()],
  ['tab', async () => (await import('../data/tabSource.ts')).openTabSource()],
]);

/** Look at all places. One that fails is left out, and the reason is in the console. */
export async function findSources(): Promise<void> {
  const searches = [...FINDERS].map(async ([name, find]) => {
    try {
      const source = await find();
      if (source) addSource(name, source);
    } catch (error) {
      console.warn(`Runs of ${name} cannot be read.`, error);
    }
  });
  await Promise.all(searches);
  searched.value = true;
}

/** Add a source, in place of the one of that name. */
export function addSource(name: SourceName, source: RunSource): void {
  found.value = new Map([...found.value, [name, source]]);
}
