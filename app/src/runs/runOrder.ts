/** The order of runs in the list. */
import type { RunListing } from 'mathformer/training';

/** A run of a source. */
export interface ListedRun {
  readonly source: string;
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
export const keyOf = ({ source, listing }: ListedRun): string => `${source}/${listing.id}`;

const byText = new Intl.Collator('en', { numeric: true });

/** Sort runs. Those without a value come last in either direction; equal ones in the order of their names. */
export function sorted(runs: readonly ListedRun[], { key, descending }: Sort): ListedRun[] {
  const sortedBy: (run: ListedRun) => string | number | null = VALUES[key];
  const direction = descending ? -1 : 1;
  return runs.toSorted((a, b) => {
    const [x, y] = [sortedBy(a), sortedBy(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || byKey(a, b);
    return direction * compare(x, y) || byKey(a, b);
  });
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

function compare(x: string | number, y: string | number): number {
  if (typeof x === 'number' && typeof y === 'number') return x - y;
  return byText.compare(String(x), String(y));
}

const byKey = (a: ListedRun, b: ListedRun): number => byText.compare(keyOf(a), keyOf(b));
