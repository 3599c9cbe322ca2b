/** The runs that are drawn together, with their results. */
import type { Accuracy } from 'mathformer/training';
import { Key } from '../../charts/Key.tsx';
import { seriesStyle } from '../../charts/seriesStyle.ts';
import type { RunData } from '../../data/runData.ts';
import { navigate } from '../../shell/navigation.ts';
import { formatRef, formatRoute, isSameRun, type RunRoute, runRoute } from '../../shell/routes.ts';
import { StateBadge } from '../../ui/Badge.tsx';
import { IconButton } from '../../ui/Button.tsx';
import type { Column } from '../../ui/columns.ts';
import {
  formatNumber,
  formatP,
  formatPercent,
  formatPercentInterval,
  formatSigned,
} from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { Table } from '../../ui/Table.tsx';

export interface ComparedRunsProps {
  readonly runs: readonly RunData[];
  readonly route: RunRoute;
}

interface Row {
  readonly run: RunData;
  readonly index: number;
}

export function ComparedRuns({ runs, route }: ComparedRunsProps) {
  const remove = ({ ref }: RunData): void =>
    navigate({ ...route, compare: route.compare.filter((other) => !isSameRun(other, ref)) });
  const columns: readonly Column<Row>[] = [
    {
      key: 'run',
      header: 'Run',
      rowHeader: true,
      cell: ({ run, index }) => (
        <span class="run-name">
          <Key style={seriesStyle(index)} />
          <a href={formatRoute(runRoute(run.ref))}>{run.ref.id}</a>
        </span>
      ),
    },
    {
      key: 'state',
      header: 'State',
      cell: ({ run }) => run.listing.value && <StateBadge state={run.listing.value.state} />,
    },
    {
      key: 'step',
      header: 'Step',
      numeric: true,
      cell: ({ run }) => run.listing.value?.step.toLocaleString('en'),
    },
    {
      key: 'reward',
      header: 'Reward',
      numeric: true,
      cell: ({ run }) => formatNumber(run.listing.value?.reward),
    },
    {
      key: 'baseline',
      header: 'Baseline',
      numeric: true,
      cell: ({ run }) => <AccuracyCell accuracy={run.listing.value?.baseline ?? null} />,
    },
    {
      key: 'final',
      header: 'Final',
      numeric: true,
      cell: ({ run }) => <AccuracyCell accuracy={run.listing.value?.final ?? null} />,
    },
    { key: 'gain', header: 'Gain', numeric: true, cell: ({ run }) => <GainCell run={run} /> },
    {
      key: 'remove',
      header: <span class="visually-hidden">Remove</span>,
      numeric: true,
      cell: ({ run, index }) =>
        index > 0 && (
          <IconButton small icon="close" label={`Remove ${run.ref.id}`} onClick={() => remove(run)} />
        ),
    },
  ];
  return (
    <Panel title="Compared runs" flush>
      <Table
        label="Compared runs"
        columns={columns}
        rows={runs.map((run, index) => ({ run, index }))}
        rowKey={({ run }) => formatRef(run.ref)}
      />
    </Panel>
  );
}

function AccuracyCell({ accuracy }: { readonly accuracy: Accuracy | null }) {
  if (!accuracy) return <>–</>;
  return (
    <>
      {formatPercent(accuracy.accuracy)}{' '}
      <small class="quiet">{formatPercentInterval(accuracy.low, accuracy.high)}</small>
    </>
  );
}

function GainCell({ run }: { readonly run: RunData }) {
  const improvement = run.listing.value?.improvement;
  if (!improvement) return <>–</>;
  return (
    <>
      {formatSigned(100 * improvement.difference, (value) => value.toFixed(1).replace('-', '−'))}{' '}
      <small class="quiet">{formatP(improvement.mcnemarP)}</small>
    </>
  );
}
