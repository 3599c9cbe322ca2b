/**
 * The choice and order of the list of runs, as one text that an address can keep: facets such as `kind:grpo`, the order,
 * `sort:-final`, and words that must occur. A value with spaces stands in quotes; a word that looks like a facet has `text:`
 * before it.
 */
import { isSortKey, type ListedRun, type Sort } from './runOrder.ts';

/** Facts that runs are chosen by; values of one facet are alternatives. */
export const FACETS = ['kind', 'task', 'state', 'source'] as const;
export type Facet = (typeof FACETS)[number];

export interface RunFilter {
  /** Each word must occur in the run's name, task, model, adapter, or an option. */
  readonly words: string;
  readonly facets: Readonly<Record<Facet, readonly string[]>>;
  readonly sort: Sort;
}

/** The latest run first. */
export const LATEST_FIRST: Sort = { key: 'started', descending: true };

export const NO_FACETS: RunFilter['facets'] = { kind: [], task: [], state: [], source: [] };
export const EVERY_RUN: RunFilter = { words: '', facets: NO_FACETS, sort: LATEST_FIRST };

/** Parts of a filter: `name:"quoted value"`, or anything without spaces. */
const PART = /\w+:"[^"]*"|\S+/g;

/** Read a filter. Parts that are no facet and no order are words. */
export function parseFilter(text: string): RunFilter {
  const words: string[] = [];
  const facets: Record<Facet, string[]> = { kind: [], task: [], state: [], source: [] };
  let sort = LATEST_FIRST;
  for (const [part] of text.matchAll(PART)) {
    const { facet, order } = meaningOf(part);
    if (facet) facets[facet.name].push(facet.value);
    else if (order) sort = order;
    else words.push(part.startsWith(WORD) && part !== WORD ? part.slice(WORD.length) : part);
  }
  return { words: words.join(' '), facets, sort };
}

/** Stands before a word that would be read as something else. */
const WORD = 'text:';

interface Meaning {
  readonly facet?: { readonly name: Facet; readonly value: string } | undefined;
  readonly order?: Sort | undefined;
}

/** Read a part as a facet or an order; neither for a word. */
function meaningOf(part: string): Meaning {
  const at = part.indexOf(':');
  const [start, value] = [part.slice(0, at), part.slice(at + 1).replace(/^"([^"]*)"$/, '$1')];
  const name = FACETS.find((each) => each === start);
  if (at < 0 || value === '') return {};
  if (name) return { facet: { name, value } };
  return start === 'sort' ? { order: sortOf(value) } : {};
}

/** Write a filter; empty for every run in the usual order. */
export function formatFilter({ words, facets, sort }: RunFilter): string {
  const chosen = FACETS.flatMap((facet) => facets[facet].map((value) => `${facet}:${quotedIfNeeded(value)}`));
  const isUsual = sort.key === LATEST_FIRST.key && sort.descending === LATEST_FIRST.descending;
  const order = isUsual ? [] : [`sort:${sort.descending ? '-' : ''}${sort.key}`];
  return [...chosen, ...order, ...wordsOf(words).map(asWord)].join(' ');
}

/** Choose a facet's value, or no longer. */
export function withFacet(filter: RunFilter, facet: Facet, value: string): RunFilter {
  const values = filter.facets[facet];
  const others = values.filter((each) => each !== value);
  const now = others.length < values.length ? others : [...values, value];
  return { ...filter, facets: { ...filter.facets, [facet]: now } };
}

/** Return whether a run is chosen. @param except a facet that is not looked at. */
export function isChosen(run: ListedRun, filter: RunFilter, except?: Facet): boolean {
  const text = textOf(run);
  return (
    wordsOf(filter.words.toLowerCase()).every((word) => text.includes(word)) &&
    FACETS.every((facet) => {
      const values = filter.facets[facet];
      return facet === except || values.length === 0 || values.includes(facetOf(run, facet));
    })
  );
}

/** A value of a facet, with the number of runs that choosing it leaves. */
export interface FacetCount {
  readonly value: string;
  readonly count: number;
  readonly isChosen: boolean;
}

/** Count the runs of each value of a facet that pass the rest of the filter, in the order of the values. */
export function facetCounts(runs: readonly ListedRun[], filter: RunFilter, facet: Facet): FacetCount[] {
  const chosen = filter.facets[facet];
  const counts = new Map<string, number>(chosen.map((value) => [value, 0]));
  for (const run of runs) {
    const value = facetOf(run, facet);
    if (value === '') continue;
    counts.set(value, (counts.get(value) ?? 0) + (isChosen(run, filter, facet) ? 1 : 0));
  }
  const values = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return values.map(([value, count]) => ({ value, count, isChosen: chosen.includes(value) }));
}

/** Return a run's value of a facet; empty if it is unknown. */
export function facetOf({ source, listing }: ListedRun, facet: Facet): string {
  return facet === 'source' ? source : (listing[facet] ?? '');
}

/** The text in which words are sought, in lower case. Options are named as in config.json, `lr=0.001`. */
function textOf(run: ListedRun): string {
  const { id, model, adapter, options } = run.listing;
  const shown = Object.entries(options).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const facets = FACETS.map((facet) => `${facet}:${facetOf(run, facet)}`);
  return [id, model, adapter, ...facets, ...shown].join('\n').toLowerCase();
}

function sortOf(text: string): Sort | undefined {
  const descending = text.startsWith('-');
  const key = descending ? text.slice(1) : text;
  return isSortKey(key) ? { key, descending } : undefined;
}

/** Split a text into its words. */
export const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const quotedIfNeeded = (value: string): string =>
  /[\s"]/.test(value) ? `"${value.replaceAll('"', '')}"` : value;

/** Write a word so that it is read as a word. */
function asWord(word: string): string {
  const { facet, order } = meaningOf(word);
  return facet || order || word.startsWith(WORD) ? WORD + word : word;
}
