/** Each run against the first one, on the held-out problems that both have answered. */
import { useMemo } from 'preact/hooks';
import type { Column } from '../ui/columns.ts';
import { Details } from '../ui/Details.tsx';
import { formatP, formatPoints, formatPointsInterval } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { Table } from '../ui/Table.tsx';
import { visibleText } from '../ui/visibleText.ts';
import { type NamedPair, type NamedRun, pairsWithFirst } from './comparison.ts';

export interface PairTableProps {
  readonly compared: readonly NamedRun[];
}

export function PairTable({ compared }: PairTableProps) {
  const pairs = useMemo(() => pairsWithFirst(compared), [compared]);
  const [first] = compared;
  if (!first || pairs.length === 0) return null;
  const reference = first.name;
  return (
    <Panel
      title={`Runs against ${reference}, problem by problem`}
      note="Final answers to the same held-out problems. The p of McNemar’s test says nothing about other seeds."
      flush
    >
      <Table
        label="Paired comparison of runs"
        columns={columnsOf(reference)}
        rows={pairs}
        rowKey={({ name }) => name}
      />
      <div class="only-one">
        {pairs.map((pair) => (
          <Details key={pair.name} summary={`Problems that only one of ${reference} and ${pair.name} solves`}>
            <div class="columns">
              <ProblemList title={`Only ${reference}`} problems={pair.onlyFirst} />
              <ProblemList title={`Only ${pair.name}`} problems={pair.onlySecond} />
            </div>
          </Details>
        ))}
      </div>
    </Panel>
  );
}

const columnsOf = (reference: string): readonly Column<NamedPair>[] => [
  { key: 'name', header: 'Run', rowHeader: true, cell: ({ name }) => name },
  {
    key: 'difference',
    header: 'Difference, points',
    numeric: true,
    cell: ({ difference, low, high }) => (
      <>
        {formatPoints(difference)} <span class="quiet">{formatPointsInterval(low, high)}</span>
      </>
    ),
  },
  { key: 'p', header: 'McNemar, corrected', numeric: true, cell: ({ correctedP }) => formatP(correctedP) },
  {
    key: 'first',
    header: `Only ${reference} solves`,
    numeric: true,
    cell: ({ onlyFirst }) => onlyFirst.length,
  },
  {
    key: 'second',
    header: 'Only this run solves',
    numeric: true,
    cell: ({ onlySecond }) => onlySecond.length,
  },
  { key: 'problems', header: 'Problems', numeric: true, cell: ({ problems }) => problems },
];

function ProblemList({ title, problems }: { readonly title: string; readonly problems: readonly string[] }) {
  return (
    <div>
      <h3>
        {title}: {problems.length}
      </h3>
      <ul class="problem-list mono">
        {problems.map((problem, i) => (
          <li key={`${i} ${problem}`}>{visibleText(problem.trim())}</li>
        ))}
      </ul>
    </div>
  );
}
