/** The page Workers of a run: the machines that took part, and what each of them did. */
import { useMemo, useState } from 'preact/hooks';
import { ChartGroup } from '../../charts/chartGroup.ts';
import { LineChart } from '../../charts/LineChart.tsx';
import { navigate } from '../../shell/navigation.ts';
import { formatRef, formatRoute } from '../../shell/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { Code } from '../../ui/Code.tsx';
import { csvText } from '../../ui/csv.ts';
import { EmptyState, Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { saveFile } from '../../ui/saveFile.ts';
import { VirtualTable } from '../../ui/VirtualTable.tsx';
import { SpecChart } from '../overview/SpecChart.tsx';
import type { RunTabProps } from '../tabProps.ts';
import { namedWorkers } from './namedWorkers.ts';
import { type ReadHistory, useWorkers } from './useWorkers.ts';
import { WorkerFigures } from './WorkerFigures.tsx';
import { CLUSTER_CHARTS, MOST_LINES, workerSeries } from './workerCharts.ts';
import { workerColumns, workerCsv } from './workerColumns.tsx';
import './workers.css';

export function WorkersPage({ run, route }: RunTabProps) {
  const read = useWorkers(run);
  if (read.state === 'loading') return <Loading label="Reading the workers" />;
  if (read.state === 'failed') return <FailureNotice error={read.error} />;
  if (read.value === undefined) return <NoWorkers />;
  if (read.value.history.steps.length === 0) {
    return <EmptyState title="The run’s file of workers has no whole row yet." />;
  }
  return <Workers run={run} route={route} read={read.value} />;
}

const COMMANDS = `mathformer worker nats://HOST:4222
mathformer grpo … --workers nats://HOST:4222`;

function NoWorkers() {
  return (
    <EmptyState title="This run works alone.">
      <p>
        Other machines can make its completions. Start a worker on each of them, or{' '}
        <a href={formatRoute({ page: 'lend', server: '' })}>lend a browser tab</a>, and train with their
        server:
      </p>
      <Code label="Commands" text={COMMANDS} />
    </EmptyState>
  );
}

function Workers({ run, route, read }: RunTabProps & { readonly read: ReadHistory }) {
  const { history } = read;
  const [group] = useState(() => new ChartGroup());
  const columns = run.metrics.value.phases.get('grpo');
  const chosen = route.view.worker;
  const drawn = useMemo(() => {
    const workers = namedWorkers(history.summaries());
    return {
      workers,
      speed: workerSeries(history, workers, 'tokensPerSecond', chosen),
      idle: workerSeries(history, workers, 'idleShare', chosen),
      latestStep: history.steps.at(-1) ?? 0,
    };
  }, [read, history, chosen]);
  const { workers, speed, idle, latestStep } = drawn;
  const latest = Math.max(latestStep, columns?.latest('step') || 0);
  const domain = useMemo(() => ({ from: 0, to: Math.max(1, latest) }), [latest]);
  const named = useMemo(
    () => (columns ? [{ key: formatRef(run.ref), label: run.ref.id, columns, index: 0 }] : []),
    [columns, run.metrics.value],
  );
  const isMany = workers.length > MOST_LINES;
  const by = isMany
    ? 'The median, and a band from the lowest to the highest worker.'
    : 'A line for each worker.';
  const [all, ...others] = CLUSTER_CHARTS;
  return (
    <>
      <WorkerFigures columns={columns} workers={workers} />
      <Panel
        title="Workers"
        note={isMany ? 'A click on a worker draws its line on the charts.' : 'In all steps of the run.'}
        actions={
          <Button
            small
            icon="download"
            onClick={() =>
              saveFile(
                new Blob([csvText(workerCsv(workers, latestStep))], { type: 'text/csv' }),
                'workers.csv',
              )
            }
          >
            Save as CSV
          </Button>
        }
        flush
      >
        <VirtualTable
          label="Workers of the run"
          testid="workers"
          columns={workerColumns(latestStep)}
          rows={workers}
          rowKey={({ worker }) => worker}
          sort={sortOf(route.view.sort ?? '-tokens')}
          onSort={({ key, descending }) => change({ sort: `${descending ? '-' : ''}${key}` })}
          {...(isMany && {
            onSelect: ({ worker }: { readonly worker: string }) =>
              change({ worker: worker === chosen ? '' : worker }),
            isSelected: ({ worker }: { readonly worker: string }) => worker === chosen,
          })}
          height="min(24rem, 60vh)"
        />
      </Panel>
      <div class="charts">
        {all && <SpecChart spec={all} runs={named} group={group} domain={domain} />}
        <LineChart
          title="Speed by worker"
          unit="tokens/s"
          help={by}
          series={speed}
          group={group}
          domain={domain}
        />
        <LineChart
          title="Idle"
          share
          help={`Time without work. ${by}`}
          series={idle}
          group={group}
          domain={domain}
        />
        {others.map((spec) => (
          <SpecChart key={spec.key} spec={spec} runs={named} group={group} domain={domain} />
        ))}
      </div>
    </>
  );

  function change(view: Readonly<Record<string, string>>): void {
    navigate({ ...route, view: { ...route.view, ...view } }, { replace: true });
  }
}

/** Read a column and a direction, such as `-tokens`. */
const sortOf = (text: string): { readonly key: string; readonly descending: boolean } =>
  text.startsWith('-') ? { key: text.slice(1), descending: true } : { key: text, descending: false };
