/** The table of the runs that the filter leaves. Its order holds still while somebody points at it or has the focus in it. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { VirtualTable } from '../ui/VirtualTable.tsx';
import { runColumns } from './runColumns.tsx';
import { formatFilter, type RunFilter } from './runFilter.ts';
import { held, isSortKey, keyOf, type ListedRun, sorted } from './runOrder.ts';

export interface RunListProps {
  readonly runs: readonly ListedRun[];
  readonly filter: RunFilter;
  readonly onSort: (sort: RunFilter['sort']) => void;
  readonly several: boolean;
  readonly isChosen: (run: ListedRun) => boolean;
  readonly onToggle: (run: ListedRun) => void;
}

export function RunList({ runs, filter, onSort, several, isChosen, onToggle }: RunListProps) {
  const [isHeld, setHeld] = useState(false);
  const shown = useRef({ filter: '', keys: [] as readonly string[] });
  const asked = formatFilter(filter);
  const wanted = sorted(runs, filter.sort);
  const rows = isHeld && shown.current.filter === asked ? held(shown.current.keys, wanted) : wanted;
  useLayoutEffect(() => {
    shown.current = { filter: asked, keys: rows.map(keyOf) };
  });
  return (
    <div
      class="run-list"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusCapture={() => setHeld(true)}
      onBlurCapture={(event) => {
        const to = event.relatedTarget;
        if (!(to instanceof Node && event.currentTarget.contains(to))) setHeld(false);
      }}
    >
      <VirtualTable
        label="Runs"
        testid="runs"
        columns={runColumns(several, { has: isChosen, toggle: onToggle })}
        rows={rows}
        rowKey={keyOf}
        presorted
        sort={filter.sort}
        onSort={({ key, descending }) => {
          if (isSortKey(key)) onSort({ key, descending });
        }}
        rowClass={({ listing }) => (listing.state === 'unreadable' ? 'unreadable' : undefined)}
        height="min(34rem, 70vh)"
      />
    </div>
  );
}
