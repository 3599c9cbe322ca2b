/** Each run against the first one, on the held-out problems that both have answered. */
import type { ComparedRun } from 'mathformer/training';
import { useMemo } from 'preact/hooks';
import { visibleText } from '../run/completions/visibleText.ts';
import type { Column } from '../ui/columns.ts';
import { Details } from '../ui/Details.tsx';
import { formatP, formatPoints, formatPointsInterval } from '../ui/format.ts';
import { Panel } from '../ui/Panel.tsx';
import { Table } from '../ui/Table.tsx';
import { type PairOfRuns, pairOfRuns } from './comparison.ts';

interface NamedPair extends PairOfRuns {
  readonly name: string;
}

export interface PairTableProps {
  readonly compared: readonly ComparedRun[];
  /** Short names of the runs. */
  readonly names: readonly string[];
}

export function PairTable({ compared, names }: PairTableProps) {
  const [first, ...others] = compared;
  const pairs = useMemo(
    () =>
      others.flatMap((second, i): NamedPair[] => {
        const pair = first && pairOfRuns(first, second);
        return pair ? [{ ...pair, name: names[i + 1] ?? second.listing.id }] : [];
      }),
    [compared, names],
  );
  if (!first || pairs.length === 0) return null;
  const reference = names[0] ?? first.listing.id;
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
  { key: 'p', header: 'McNemar', numeric: true, cell: ({ mcnemarP }) => formatP(mcnemarP) },
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
