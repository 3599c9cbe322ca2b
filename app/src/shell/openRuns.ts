/** The runs that are open. A page that returns to one finds what was read before. */
import { useEffect, useMemo } from 'preact/hooks';
import { RunData } from '../data/runData.ts';
import type { RunSource } from '../data/source.ts';
import { formatRef, type RunRef } from './routes.ts';
import { sources } from './sources.ts';

/** Number of runs that stay in memory after they were closed. */
const KEPT = 16;

const open = new Map<string, { readonly source: RunSource; readonly data: RunData }>();

/** Return the data of a run, which are read once they are followed; undefined if its source is not there. */
export function runData(ref: RunRef): RunData | undefined {
  const source = sources.value.get(ref.source);
  if (!source) return undefined;
  const key = formatRef(ref);
  const known = open.get(key);
  const entry = known?.source === source ? known : { source, data: new RunData(ref, source) };
  // The order of the map is that of use.
  open.delete(key);
  open.set(key, entry);
  for (const old of [...open.keys()].slice(0, -KEPT)) open.delete(old);
  return entry.data;
}

/** Read and follow runs while a component is shown. Runs whose source is not there are left out. */
export function useRuns(refs: readonly RunRef[]): readonly RunData[] {
  const there = sources.value;
  const key = refs.map(formatRef).join('\n');
  const runs = useMemo(() => refs.flatMap((ref) => runData(ref) ?? []), [key, there]);
  useEffect(() => {
    const ends = runs.map((run) => run.follow());
    return () => {
      for (const end of ends) end();
    };
  }, [runs]);
  return runs;
}
