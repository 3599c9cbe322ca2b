/** The lists of runs of all sources, kept up to date. */
import { useEffect, useState } from 'preact/hooks';
import type { RunSource } from '../data/source.ts';
import type { SourceName } from '../shell/routes.ts';
import type { Sources } from '../shell/sources.ts';
import type { ListedRun } from './runOrder.ts';

/** The list of one source. */
interface SourceList {
  readonly source: RunSource;
  readonly runs: readonly ListedRun[];
  /** The fault of the latest reading; undefined without one. The runs are then those of the reading before. */
  readonly error: unknown;
}

export interface Listings {
  readonly runs: readonly ListedRun[];
  readonly failures: readonly { readonly place: string; readonly error: unknown }[];
  /** Some source has not answered yet. */
  readonly isLoading: boolean;
}

/** List the runs of all sources, and again whenever one of them says that its list may be another one. */
export function useListings(sources: Sources): Listings {
  const [lists, setLists] = useState<ReadonlyMap<SourceName, SourceList>>(new Map());
  useEffect(() => {
    const ends = [...sources].map(([name, source]) =>
      followList(name, source, (list) =>
        setLists(
          (before) => new Map([...before, [name, { ...list, runs: list.runs ?? runsOf(before, name) }]]),
        ),
      ),
    );
    return () => {
      for (const end of ends) end();
    };
  }, [sources]);
  const read = [...sources].flatMap(([name, source]) => {
    const list = lists.get(name);
    return list?.source === source ? [list] : [];
  });
  return {
    runs: read.flatMap(({ runs }) => runs),
    failures: read.flatMap(({ source, error }) =>
      error === undefined ? [] : [{ place: source.name, error }],
    ),
    isLoading: read.length < sources.size,
  };
}

const runsOf = (lists: ReadonlyMap<SourceName, SourceList>, name: SourceName): readonly ListedRun[] =>
  lists.get(name)?.runs ?? [];

/** A reading of a list; without `runs` it failed. */
interface Reading {
  readonly source: RunSource;
  readonly runs: readonly ListedRun[] | undefined;
  readonly error: unknown;
}

/** Read a source's list now and at each change, one reading at a time. @returns a function that ends it. */
function followList(name: SourceName, source: RunSource, on: (reading: Reading) => void): () => void {
  let [isReading, isStale, isEnded] = [false, false, false];
  const read = async (): Promise<void> => {
    if (isReading) {
      isStale = true;
      return;
    }
    isReading = true;
    do {
      isStale = false;
      const reading = await readList(name, source);
      if (!isEnded) on(reading);
    } while (isStale && !isEnded);
    isReading = false;
  };
  void read();
  const end = source.watch(() => void read());
  return () => {
    isEnded = true;
    end();
  };
}

async function readList(name: SourceName, source: RunSource): Promise<Reading> {
  try {
    const listings = await source.list();
    return { source, runs: listings.map((listing) => ({ source: name, listing })), error: undefined };
  } catch (error) {
    return { source, runs: undefined, error };
  }
}
