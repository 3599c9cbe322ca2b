/** The order of runs in the list. */
import type { RunListing } from 'mathformer/training';
import { formatRef, type RunRef, type SourceName } from '../shell/routes.ts';
import { compareValues } from '../ui/columns.ts';

/** A run of a source. */
export interface ListedRun {
  readonly source: SourceName;
  readonly listing: RunListing;
}

/** The value that each column is sorted by; null where a run has none. */
const VALUES = {
  name: ({ listing: { id } }) => id,
  state: ({ listing: { state } }) => state,
  kind: ({ listing: { kind } }) => kind,
  task: ({ listing: { task } }) => task,
  model: ({ listing: { parameters, model } }) => parameters ?? model,
  progress: ({ listing: { step } }) => step,
  reward: ({ listing: { reward } }) => reward,
  baseline: ({ listing: { baseline } }) => baseline?.accuracy ?? null,
  final: ({ listing: { final } }) => final?.accuracy ?? null,
  gain: ({ listing: { improvement } }) => improvement?.difference ?? null,
  started: ({ listing: { startedAt } }) => startedAt,
  duration: ({ listing }) => durationOf(listing),
} as const satisfies Record<string, (run: ListedRun) => string | number | null>;

export type SortKey = keyof typeof VALUES;

/** The order of the list. */
export interface Sort {
  readonly key: SortKey;
  readonly descending: boolean;
}

/** Return the value of a run that a column is sorted by. */
export const sortValue = (run: ListedRun, key: SortKey): string | number | null => VALUES[key](run);

export const isSortKey = (name: string): name is SortKey => Object.hasOwn(VALUES, name);

/** Return the time between a run's start and the last change of its metrics, in milliseconds; null if either is unknown. */
export function durationOf({
  startedAt,
  modified,
}: Pick<RunListing, 'startedAt' | 'modified'>): number | null {
  const start = startedAt === null ? Number.NaN : Date.parse(startedAt);
  return modified > 0 && Number.isFinite(start) ? Math.max(0, modified - start) : null;
}

/** Name a run among all sources. */
export const keyOf = (run: ListedRun): string => formatRef(refOf(run));

/** Return the reference of a run. */
export const refOf = ({ source, listing }: ListedRun): RunRef => ({ source, id: listing.id });

/** Sort runs. Those without a value come last in either direction; equal ones in the order of their names. */
export function sorted(runs: readonly ListedRun[], { key, descending }: Sort): ListedRun[] {
  const sign = descending ? -1 : 1;
  return runs.toSorted(
    (a, b) =>
      compareValues(sortValue(a, key), sortValue(b, key), sign) || compareValues(keyOf(a), keyOf(b), 1),
  );
}

/**
 * Keep the order that is shown while somebody points at it or reads it: runs that are gone go, new ones come last.
 * @param shown keys in their present order. @param wanted runs in the order that the sort gives.
 */
export function held(shown: readonly string[], wanted: readonly ListedRun[]): ListedRun[] {
  const byName = new Map(wanted.map((run) => [keyOf(run), run]));
  const known = new Set(shown);
  const stayed = shown.flatMap((key) => byName.get(key) ?? []);
  return [...stayed, ...wanted.filter((run) => !known.has(keyOf(run)))];
}
