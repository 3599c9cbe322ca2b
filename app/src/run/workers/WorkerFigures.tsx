/** The work on other machines in figures. */
import type { Columns } from '../../data/columns.ts';
import { formatCount, formatNumber, formatPercent } from '../../ui/format.ts';
import { Stat, Stats } from '../../ui/Stat.tsx';
import type { NamedWorker } from './namedWorkers.ts';
import { TRAINER } from './workerHistory.ts';
import { latestFigure, workerTotals } from './workerTotals.ts';

export interface WorkerFiguresProps {
  /** The metrics of GRPO. */
  readonly columns: Columns | undefined;
  readonly workers: readonly NamedWorker[];
}

export function WorkerFigures({ columns, workers }: WorkerFiguresProps) {
  const totals = workerTotals(columns);
  const others = workers.filter(({ worker }) => worker !== TRAINER);
  const measured = others.filter(({ idleShare }) => !Number.isNaN(idleShare));
  const idle = measured.reduce((sum, { idleShare }) => sum + idleShare, 0) / measured.length;
  const banned = others.filter((worker) => worker.banned).length;
  const latest = (name: string): string => formatNumber(latestFigure(columns, name));
  return (
    <Stats>
      <Stat
        label="Workers"
        value={formatCount(others.length)}
        note={`${latest('connected')} connected at the latest step`}
        testid="worker-count"
      />
      <Stat label="Tokens/s" value={latest('tokens_per_second')} note="at the latest step" />
      <Stat
        label="Items"
        value={formatCount(totals.items)}
        note={`${formatPercent(totals.ownItems / totals.items)} made by the trainer`}
      />
      <Stat label="Idle" value={formatPercent(idle)} note="mean of the workers" />
      <Stat
        label="Policy latency"
        value={latest('policy_seconds_p50')}
        unit="s"
        note={`99th percentile ${latest('policy_seconds_p99')} s`}
      />
      <Stat
        label="Redelivered"
        value={formatCount(totals.redelivered)}
        note={`${formatCount(totals.hedged)} given out twice`}
      />
      <Stat
        label="Duplicate"
        value={formatCount(totals.duplicate)}
        note={`${formatCount(totals.rejected)} rejected`}
      />
      <Stat
        label="Banned"
        value={formatCount(banned)}
        note={banned === 0 ? 'no lie was found' : 'their results do not count'}
      />
    </Stats>
  );
}
