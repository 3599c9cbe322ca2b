/** The columns of the table of workers, on the page and as CSV. */
import { Badge, type Tone } from '../../ui/Badge.tsx';
import type { Column } from '../../ui/columns.ts';
import type { CsvValue } from '../../ui/csv.ts';
import { formatCount, formatNumber, formatPercent } from '../../ui/format.ts';
import { visibleText } from '../../ui/visibleText.ts';
import type { NamedWorker } from './namedWorkers.ts';
import { TRAINER } from './workerHistory.ts';

/** The part of a worker in the run: it is the trainer, its key is banned, or whether it worked at the latest step. */
type Part = 'trainer' | 'banned' | 'active' | 'away';

const TONES: Readonly<Record<Part, Tone>> = {
  trainer: 'info',
  banned: 'bad',
  active: 'good',
  away: 'neutral',
};

export function partOf({ worker, banned, lastStep }: NamedWorker, latestStep: number): Part {
  if (worker === TRAINER) return 'trainer';
  if (banned) return 'banned';
  return lastStep >= latestStep ? 'active' : 'away';
}

export const workerColumns = (latestStep: number): readonly Column<NamedWorker>[] => [
  {
    key: 'worker',
    header: 'Worker',
    rowHeader: true,
    cell: ({ label }) => (
      <span class="worker-name" title={label}>
        {label}
      </span>
    ),
    sortValue: ({ label }) => label,
  },
  {
    key: 'part',
    header: 'State',
    cell: (row) => <Badge tone={TONES[partOf(row, latestStep)]}>{partOf(row, latestStep)}</Badge>,
    sortValue: (row) => partOf(row, latestStep),
  },
  {
    key: 'class',
    header: 'Class',
    cell: (row) => <code>{visibleText(row.class)}</code>,
    sortValue: (row) => row.class,
  },
  {
    key: 'items',
    header: 'Items',
    numeric: true,
    cell: ({ items }) => formatCount(items),
    sortValue: ({ items }) => items,
  },
  {
    key: 'tokens',
    header: 'Tokens',
    numeric: true,
    cell: ({ tokens }) => formatCount(tokens),
    sortValue: ({ tokens }) => tokens,
  },
  {
    key: 'speed',
    header: 'Tokens/s',
    numeric: true,
    cell: ({ speed }) => formatNumber(speed),
    sortValue: ({ speed }) => speed,
  },
  {
    key: 'idle',
    header: 'Idle',
    numeric: true,
    cell: ({ idleShare }) => formatPercent(idleShare, 0),
    sortValue: ({ idleShare }) => idleShare,
  },
  {
    key: 'policy-p50',
    header: 'Policy p50, s',
    numeric: true,
    cell: ({ policySecondsP50 }) => formatNumber(policySecondsP50),
    sortValue: ({ policySecondsP50 }) => policySecondsP50,
  },
  {
    key: 'policy-p99',
    header: 'Policy p99, s',
    numeric: true,
    cell: ({ policySecondsP99 }) => formatNumber(policySecondsP99),
    sortValue: ({ policySecondsP99 }) => policySecondsP99,
  },
  {
    key: 'redelivered',
    header: 'Redelivered',
    numeric: true,
    cell: ({ redelivered }) => formatCount(redelivered),
    sortValue: ({ redelivered }) => redelivered,
  },
  {
    key: 'duplicate',
    header: 'Duplicate',
    numeric: true,
    cell: ({ duplicate }) => formatCount(duplicate),
    sortValue: ({ duplicate }) => duplicate,
  },
  {
    key: 'rejected',
    header: 'Rejected',
    numeric: true,
    cell: ({ rejected }) => formatCount(rejected),
    sortValue: ({ rejected }) => rejected,
  },
  {
    key: 'steps',
    header: 'Steps',
    numeric: true,
    cell: ({ firstStep, lastStep }) => `${formatCount(firstStep)} – ${formatCount(lastStep)}`,
    sortValue: ({ firstStep }) => firstStep,
  },
];

/** Return the table as it is saved: a head, and a row for each worker. */
export const workerCsv = (
  workers: readonly NamedWorker[],
  latestStep: number,
): readonly (readonly CsvValue[])[] => [
  [
    ...['worker', 'name', 'state', 'class', 'items', 'tokens', 'tokens_per_second', 'idle_share'],
    ...['policy_seconds_p50', 'policy_seconds_p99', 'redelivered', 'duplicate', 'rejected'],
    ...['first_step', 'last_step'],
  ],
  ...workers.map((row) => [
    ...[
      row.worker,
      row.name,
      partOf(row, latestStep),
      row.class,
      row.items,
      row.tokens,
      row.speed,
      row.idleShare,
    ],
    ...[row.policySecondsP50, row.policySecondsP99, row.redelivered, row.duplicate, row.rejected],
    ...[row.firstStep, row.lastStep],
  ]),
];
