/** The filter above the list: words, and a button for each value of a facet. */
import { useState } from 'preact/hooks';
import { Button } from '../ui/Button.tsx';
import { TextField } from '../ui/fields.tsx';
import { EVERY_RUN, FACETS, facetCounts, type RunFilter, withFacet, wordsOf } from './runFilter.ts';
import type { ListedRun } from './runOrder.ts';

export interface FilterBarProps {
  readonly runs: readonly ListedRun[];
  readonly filter: RunFilter;
  readonly onChange: (filter: RunFilter) => void;
  /** Number of runs that the filter leaves. */
  readonly shown: number;
}

export function FilterBar({ runs, filter, onChange, shown }: FilterBarProps) {
  // The address has the words alone; what is typed keeps its spaces.
  const [typed, setTyped] = useState(filter.words);
  const words = wordsOf(typed).join(' ') === filter.words ? typed : filter.words;
  const isFiltered = shown < runs.length;
  return (
    <search class="run-filter" aria-label="Filter of the runs">
      <TextField
        label="Words in the name, task, model or options"
        placeholder="lr=0.001"
        value={words}
        onInput={(text) => {
          setTyped(text);
          onChange({ ...filter, words: wordsOf(text).join(' ') });
        }}
      />
      {FACETS.map((facet) => {
        const counts = facetCounts(runs, filter, facet);
        // A facet with one value leaves nothing to choose.
        if (counts.length < 2 && filter.facets[facet].length === 0) return null;
        return (
          <fieldset key={facet} class="facet">
            <legend>{facet}</legend>
            {counts.map(({ value, count, isChosen }) => (
              <Button
                key={value}
                small
                pressed={isChosen}
                onClick={() => onChange(withFacet(filter, facet, value))}
              >
                {value} <span class="count">{count}</span>
              </Button>
            ))}
          </fieldset>
        );
      })}
      <p class="quiet" role="status">
        {isFiltered
          ? `${shown} of ${runs.length} runs`
          : `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`}
        {isFiltered && (
          <Button kind="quiet" small onClick={() => onChange({ ...EVERY_RUN, sort: filter.sort })}>
            Show all
          </Button>
        )}
      </p>
    </search>
  );
}
