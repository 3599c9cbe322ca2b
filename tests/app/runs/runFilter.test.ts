/** The filter of the list of runs: its text, what it chooses, and its counts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EVERY_RUN,
  FACETS,
  facetCounts,
  facetOf,
  formatFilter,
  isChosen,
  parseFilter,
  withFacet,
} from '../../../app/src/runs/runFilter.ts';
import { listedRun } from './listings.ts';

describe('the text of a filter', () => {
  test('names words, facets and the order', () => {
    const filter = parseFilter('kind:grpo task:"my task" sort:-final sums state:finished lr=0.001');
    expect(filter).toEqual({
      words: 'sums lr=0.001',
      facets: { kind: ['grpo'], task: ['my task'], state: ['finished'], source: [] },
      sort: { key: 'final', descending: true },
    });
    expect(formatFilter(filter)).toBe('kind:grpo task:"my task" state:finished sort:-final sums lr=0.001');
  });

  test('takes what it does not know for words', () => {
    expect(parseFilter('sort:nothing who:me kind: C:\\runs').words).toBe(
      'sort:nothing who:me kind: C:\\runs',
    );
  });

  test('keeps words that look like something else', () => {
    const filter = { ...EVERY_RUN, words: 'kind:grpo sort:-final text:a' };
    expect(formatFilter(filter)).toBe('text:kind:grpo text:sort:-final text:text:a');
    expect(parseFilter(formatFilter(filter))).toEqual(filter);
  });

  test('is empty for every run in the usual order', () => {
    expect(formatFilter(EVERY_RUN)).toBe('');
    expect(parseFilter('  ')).toEqual(EVERY_RUN);
  });

  test('survives being written and read', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const filter = parseFilter(text);
        expect(parseFilter(formatFilter(filter))).toEqual(filter);
      }),
    );
  });
});

describe('what a filter chooses', () => {
  const runs = [
    listedRun({ id: 'sums/seed1', kind: 'grpo', task: 'arithmetic', options: { lr: 0.001 } }),
    listedRun({ id: 'sums/seed2', kind: 'grpo', task: 'arithmetic', options: { lr: 0.01 } }),
    listedRun({ id: 'sorting', kind: 'pretrain', task: 'sort', state: 'unreadable' }),
  ];
  const chosen = (text: string): string[] =>
    runs.filter((run) => isChosen(run, parseFilter(text))).map(({ listing }) => listing.id);

  test.each([
    ['', ['sums/seed1', 'sums/seed2', 'sorting']],
    ['SUMS', ['sums/seed1', 'sums/seed2']],
    ['sums seed2', ['sums/seed2']],
    ['lr=0.001', ['sums/seed1']],
    ['text:kind:pre', ['sorting']],
    ['kind:grpo kind:pretrain', ['sums/seed1', 'sums/seed2', 'sorting']],
    ['kind:grpo state:unreadable', []],
    ['source:tab', []],
  ])('%j', (text, expected) => {
    expect(chosen(text)).toEqual(expected);
  });

  test('counts of a facet are of the runs that choosing the value leaves', () => {
    expect(facetCounts(runs, parseFilter('kind:grpo seed1'), 'kind')).toEqual([
      { value: 'grpo', count: 1, isChosen: true },
      { value: 'pretrain', count: 0, isChosen: false },
    ]);
    expect(facetCounts(runs, parseFilter('kind:grpo'), 'task')).toEqual([
      { value: 'arithmetic', count: 2, isChosen: false },
      { value: 'sort', count: 0, isChosen: false },
    ]);
  });

  test('choosing a value twice is choosing it no longer; no value chosen is every value', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FACETS), fc.constantFrom(...runs), (facet, run) => {
        const value = facetOf(run, facet);
        const once = withFacet(EVERY_RUN, facet, value);
        expect(isChosen(run, once)).toBe(true);
        expect(withFacet(once, facet, value)).toEqual(EVERY_RUN);
      }),
    );
  });
});
