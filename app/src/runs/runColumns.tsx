/** The columns of the list of runs. */

import { formatRoute, runRoute } from '../shell/routes.ts';
import { StateBadge } from '../ui/Badge.tsx';
import type { Column } from '../ui/columns.ts';
import {
  formatNumber,
  formatPercent,
  formatPercentInterval,
  formatPoints,
  formatPointsInterval,
  formatSeconds,
} from '../ui/format.ts';
import { durationOf, keyOf, type ListedRun, refOf, type SortKey, sortValue } from './runOrder.ts';

const times = new Intl.DateTimeFormat('en', {
  day: 'numeric',
  month: 'short',
  hour: 'numeric',
  minute: '2-digit',
  hourCycle: 'h23',
});
const longTimes = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeStyle: 'medium', hourCycle: 'h23' });

/** Make the columns. @param several whether the runs are of several sources. */
export function runColumns(
  several: boolean,
  chosen: { readonly has: (run: ListedRun) => boolean; readonly toggle: (run: ListedRun) => void },
): readonly Column<ListedRun>[] {
  const column = (key: SortKey, rest: Omit<Column<ListedRun>, 'key' | 'sortValue'>): Column<ListedRun> => ({
    key,
    sortValue: (run) => sortValue(run, key),
    ...rest,
  });
  return [
    {
      key: 'compare',
      header: <span class="visually-hidden">Compare</span>,
      cell: (run) => (
        <input
          type="checkbox"
          class="compare-box"
          aria-label={`Compare ${run.listing.id}`}
          checked={chosen.has(run)}
          onInput={() => chosen.toggle(run)}
        />
      ),
    },
    column('name', {
      header: 'Run',
      rowHeader: true,
      cell: (run) => (
        <a
          class="run-name"
          href={formatRoute(runRoute(refOf(run)))}
          title={run.listing.problem ?? keyOf(run)}
        >
          {several && <span class="quiet">{run.source}/</span>}
          {run.listing.id}
        </a>
      ),
    }),
    column('state', { header: 'State', cell: ({ listing: { state } }) => <StateBadge state={state} /> }),
    column('kind', { header: 'Kind', cell: ({ listing: { kind } }) => kind ?? '–' }),
    column('task', { header: 'Task', cell: ({ listing: { task } }) => task ?? '–' }),
    column('model', {
      header: 'Model',
      cell: ({ listing: { model, parameters } }) => (
        <span title={parameters === null ? undefined : `${parameters.toLocaleString('en')} parameters`}>
          {model ?? '–'}
        </span>
      ),
    }),
    column('progress', {
      header: 'Steps',
      numeric: true,
      cell: ({ listing: { phase, step, steps } }) => (
        <span title={phase ?? undefined}>
          {step}
          <span class="quiet"> / {steps ?? '–'}</span>
        </span>
      ),
    }),
    column('reward', {
      header: 'Reward',
      numeric: true,
      cell: ({ listing: { reward } }) => formatNumber(reward),
    }),
    column('baseline', {
      header: 'Before',
      numeric: true,
      cell: ({ listing: { baseline } }) => <Share of={baseline} />,
    }),
    column('final', {
      header: 'After',
      numeric: true,
      cell: ({ listing: { final } }) => <Share of={final} />,
    }),
    column('gain', {
      header: 'Gain, points',
      numeric: true,
      cell: ({ listing: { improvement } }) => improvement && <Gain {...improvement} />,
    }),
    column('started', {
      header: 'Start',
      cell: ({ listing: { startedAt } }) =>
        startedAt === null ? (
          '–'
        ) : (
          <time dateTime={startedAt} title={longTimes.format(new Date(startedAt))}>
            {times.format(new Date(startedAt))}
          </time>
        ),
    }),
    column('duration', {
      header: 'Duration',
      numeric: true,
      cell: ({ listing }) => formatSeconds((durationOf(listing) ?? Number.NaN) / 1000),
    }),
  ];
}

/** An accuracy; its title has the interval. */
function Share({ of }: { readonly of: ListedRun['listing']['final'] }) {
  if (!of) return <>–</>;
  const { accuracy, low, high, correct, total } = of;
  const title = `${correct} of ${total}, 95 % interval ${formatPercentInterval(low, high)}`;
  return <span title={title}>{formatPercent(accuracy)}</span>;
}

/** The gain of a run with its 95 % interval. */
function Gain({
  difference,
  low,
  high,
}: {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}) {
  return (
    <>
      {formatPoints(difference)} <span class="quiet">{formatPointsInterval(low, high)}</span>
    </>
  );
}
