/** The page Groups of a run: the rewards of every group at a step, and which groups the step could learn from. */
import type { StepTrace } from 'mathformer/training';
import { useMemo } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { navigate } from '../../shell/navigation.ts';
import type { RunRoute } from '../../shell/routes.ts';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { SwitchField } from '../../ui/fields.tsx';
import { formatNumber, formatPercent } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { Stat, Stats } from '../../ui/Stat.tsx';
import { VirtualTable } from '../../ui/VirtualTable.tsx';
import type { RunTabProps } from '../tabProps.ts';
import { grpoFacts } from '../traced/grpoFacts.ts';
import { TracedStep } from '../traced/TracedStep.tsx';
import { groupColumns } from './groupColumns.tsx';
import { type GroupRow, type GroupState, groupRows, rewardRange } from './groupRows.ts';
import './groups.css';

export function GroupsPage({ run, route }: RunTabProps) {
  const onlyTeaching = route.view.teaching === 'only';
  const change = (value: boolean): void =>
    navigate({ ...route, view: { ...route.view, teaching: value ? 'only' : '' } }, { replace: true });
  return (
    <TracedStep
      run={run}
      route={route}
      tools={<SwitchField label="Only groups that teach" value={onlyTeaching} onInput={change} />}
    >
      {(trace) => <Groups run={run} route={route} trace={trace} onlyTeaching={onlyTeaching} />}
    </TracedStep>
  );
}

interface GroupsProps {
  readonly run: RunData;
  readonly route: RunRoute;
  readonly trace: StepTrace;
  readonly onlyTeaching: boolean;
}

function Groups({ run, route, trace, onlyTeaching }: GroupsProps) {
  const { advantages } = grpoFacts(run.config.ready);
  const rows = useMemo(() => groupRows(trace, advantages), [trace, advantages]);
  const range = useMemo(() => rewardRange(rows), [rows]);
  const columns = useMemo(() => groupColumns({ run: run.ref, step: trace.step, range }), [run, trace, range]);
  const shown = onlyTeaching ? rows.filter(({ state }) => state === 'teaches') : rows;
  const sort = sortOf(route.view.sort ?? '');
  return (
    <>
      <Summary rows={rows} />
      <Panel title={`Groups of step ${trace.step}`} flush note={<Note />}>
        {shown.length === 0 ? (
          <div class="groups-empty">
            <EmptyState title="No group of this step teaches: in each, all rewards are equal." />
          </div>
        ) : (
          <VirtualTable
            label={`Rewards of the groups of step ${trace.step}`}
            columns={columns}
            rows={shown}
            rowKey={({ index }) => index}
            rowClass={({ state }) => (state === 'teaches' ? undefined : 'teaches-nothing')}
            sort={sort}
            onSort={({ key, descending }) =>
              navigate(
                { ...route, view: { ...route.view, sort: `${descending ? '-' : ''}${key}` } },
                { replace: true },
              )
            }
            height="min(44rem, 75vh)"
          />
        )}
      </Panel>
    </>
  );
}

const Note = () => (
  <>
    A mark for each reward, as large as the number of completions that got it; the line is the mean. A square:
    all rewards are equal, and the group teaches nothing. A problem with a link has its completions in the
    trace.
  </>
);

function Summary({ rows }: { readonly rows: readonly GroupRow[] }) {
  const count = (state: GroupState): number => rows.filter((row) => row.state === state).length;
  const learnt = rows.filter(({ state }) => state !== 'dropped');
  const mean = (value: (row: GroupRow) => number): number =>
    rows.reduce((sum, row) => sum + value(row), 0) / rows.length;
  const dropped = count('dropped');
  return (
    <Stats>
      <Stat
        label="Groups"
        value={String(rows.length)}
        note={dropped > 0 && `${dropped} dropped by dynamic sampling`}
      />
      <Stat
        label="Teach"
        value={String(count('teaches'))}
        note={learnt.length > 0 && `${formatPercent(count('teaches') / learnt.length)} of those learnt from`}
      />
      <Stat label="Equal rewards" value={String(count('equal'))} note="advantage 0" />
      <Stat label="Mean reward" value={formatNumber(mean((row) => row.mean))} />
      <Stat
        label="Mean spread"
        value={formatNumber(mean((row) => row.spread))}
        note="standard deviation in a group"
      />
    </Stats>
  );
}

/** Read a column and a direction, such as `-spread`; the order of the step without one. */
function sortOf(text: string): { readonly key: string; readonly descending: boolean } {
  const descending = text.startsWith('-');
  return { key: (descending ? text.slice(1) : text) || 'index', descending };
}
