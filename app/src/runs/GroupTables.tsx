/** Groups of runs: what differs, the results over seeds, and the tests between groups. */
import type { GroupComparison, MeanOverRuns, RunComparison, RunGroup } from 'mathformer/training';
import type { Column } from '../ui/columns.ts';
import {
  formatP,
  formatPercent,
  formatPercentInterval,
  formatPoints,
  formatPointsInterval,
} from '../ui/format.ts';
import { Table } from '../ui/Table.tsx';

export function GroupTable({ comparison: { differing, groups } }: { readonly comparison: RunComparison }) {
  const columns: readonly Column<RunGroup>[] = [
    { key: 'name', header: 'Group', rowHeader: true, cell: ({ name }) => <strong>{name}</strong> },
    ...differing.map((option) => ({
      key: option,
      header: <code>{option}</code>,
      cell: ({ options }: RunGroup) => <code>{options[option]}</code>,
    })),
    {
      key: 'runs',
      header: 'Runs',
      cell: ({ runs }) => <span title={runs.map(({ id }) => id).join('\n')}>{runs.length}</span>,
      numeric: true,
    },
    {
      key: 'seeds',
      header: 'Seeds',
      cell: ({ runs }) => runs.map(({ seed }) => seed ?? '–').join(', '),
    },
    { key: 'final', header: 'Final accuracy', numeric: true, cell: ({ final }) => <Mean of={final} /> },
    {
      key: 'gain',
      header: 'Gain, points',
      numeric: true,
      cell: ({ improvement }) => <Mean of={improvement} isDifference />,
    },
  ];
  return <Table label="Groups of runs" columns={columns} rows={groups} rowKey={({ name }) => name} />;
}

/** A mean over runs with its interval, which one run alone does not have. */
function Mean({
  of,
  isDifference = false,
}: {
  readonly of: MeanOverRuns | null;
  readonly isDifference?: boolean;
}) {
  if (!of) return <>–</>;
  const { mean, low, high } = of;
  const interval =
    low === null || high === null
      ? 'one run'
      : isDifference
        ? formatPointsInterval(low, high)
        : formatPercentInterval(low, high);
  return (
    <>
      {isDifference ? formatPoints(mean) : formatPercent(mean)} <span class="quiet">{interval}</span>
    </>
  );
}

const COMPARISON_COLUMNS: readonly Column<GroupComparison>[] = [
  { key: 'pair', header: 'Groups', rowHeader: true, cell: ({ first, second }) => `${first} → ${second}` },
  {
    key: 'seeds',
    header: 'Over seeds, points',
    numeric: true,
    cell: ({ overSeeds }) =>
      overSeeds ? (
        <>
          {formatPoints(overSeeds.estimate)}{' '}
          <span class="quiet">{formatPointsInterval(overSeeds.low, overSeeds.high)}</span>
        </>
      ) : (
        <span class="quiet">needs two runs in each</span>
      ),
  },
  {
    key: 'test',
    header: 'Test',
    cell: ({ overSeeds }) =>
      overSeeds
        ? `${overSeeds.paired ? 'paired t-test' : 'Welch’s t-test'}, ${overSeeds.runs} ${overSeeds.paired ? 'pairs' : 'runs'}`
        : '–',
  },
  {
    key: 'p',
    header: 'p, corrected',
    numeric: true,
    cell: ({ overSeeds }) => (overSeeds ? formatP(overSeeds.correctedP) : '–'),
  },
  {
    key: 'problems',
    header: 'On the same problems, points',
    numeric: true,
    cell: ({ onProblems }) =>
      onProblems ? (
        <>
          {formatPoints(onProblems.estimate)}{' '}
          <span class="quiet">{formatPointsInterval(onProblems.low, onProblems.high)}</span>
        </>
      ) : (
        <span class="quiet">no answers in common</span>
      ),
  },
];

export function DifferenceTable({ comparison: { comparisons } }: { readonly comparison: RunComparison }) {
  return (
    <Table
      label="Differences between groups"
      columns={COMPARISON_COLUMNS}
      rows={comparisons}
      rowKey={({ first, second }) => `${first} ${second}`}
    />
  );
}
