/** The columns of the table of groups. */
import type { RunRef } from '../../shell/routes.ts';
import { formatRoute, runRoute } from '../../shell/routes.ts';
import { Badge } from '../../ui/Badge.tsx';
import type { Column } from '../../ui/columns.ts';
import { formatNumber, formatSigned } from '../../ui/format.ts';
import { type GroupRow, type GroupState, rewardCounts } from './groupRows.ts';
import { RewardStrip } from './RewardStrip.tsx';

const STATES: Readonly<Record<GroupState, string>> = {
  teaches: 'teaches',
  equal: 'equal rewards',
  dropped: 'dropped',
};

/** Advantages that a cell has room for. */
const SHOWN = 4;

export interface GroupColumnsProps {
  readonly run: RunRef;
  readonly step: number;
  readonly range: readonly [low: number, high: number];
}

export function groupColumns({ run, step, range }: GroupColumnsProps): readonly Column<GroupRow>[] {
  return [
    {
      key: 'index',
      header: 'Group',
      numeric: true,
      cell: ({ index }) => index + 1,
      sortValue: ({ index }) => index,
    },
    {
      key: 'expression',
      header: 'Problem',
      rowHeader: true,
      cell: (row) => <Problem row={row} run={run} step={step} />,
      sortValue: ({ expression }) => expression,
    },
    {
      key: 'rewards',
      header: `Rewards, ${formatNumber(range[0])} to ${formatNumber(range[1])}`,
      cell: (row) => <RewardStrip row={row} range={range} />,
    },
    {
      key: 'mean',
      header: 'Mean',
      numeric: true,
      cell: ({ mean }) => formatNumber(mean),
      sortValue: ({ mean }) => mean,
    },
    {
      key: 'spread',
      header: 'Spread',
      numeric: true,
      cell: ({ spread }) => formatNumber(spread),
      sortValue: ({ spread }) => spread,
    },
    {
      key: 'state',
      header: 'Learning',
      cell: ({ state }) => <Badge tone={state === 'teaches' ? 'good' : 'neutral'}>{STATES[state]}</Badge>,
      sortValue: ({ state }) => STATES[state],
    },
    { key: 'advantages', header: 'Advantage of each reward', cell: (row) => <Advantages row={row} /> },
  ];
}

function Problem({
  row,
  run,
  step,
}: {
  readonly row: GroupRow;
  readonly run: RunRef;
  readonly step: number;
}) {
  const text = row.expression.trim();
  if (row.traced === null) return <span class="mono">{text}</span>;
  const route = runRoute(run, 'completions', { step, view: { group: String(row.traced + 1) } });
  return (
    <a class="mono" href={formatRoute(route)} title="Open the completions">
      {text}
    </a>
  );
}

function Advantages({ row }: { readonly row: GroupRow }) {
  if (row.state === 'equal') return <span class="quiet">0: nothing to compare</span>;
  if (row.state === 'dropped') return <span class="quiet">not learnt from</span>;
  const counts = rewardCounts(row);
  return (
    <span class="advantages">
      {counts.slice(0, SHOWN).map(({ reward, advantage }) => (
        <span key={reward}>
          <span class="quiet">{formatNumber(reward)} →</span> {formatSigned(advantage)}
        </span>
      ))}
      {counts.length > SHOWN && <span class="quiet">…</span>}
    </span>
  );
}
