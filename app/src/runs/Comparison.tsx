/** Runs side by side: curves, the options that differ, results over seeds, and paired tests on the same problems. */
import { compareRuns } from 'mathformer/training';
import { useMemo } from 'preact/hooks';
import type { RunData } from '../data/runData.ts';
import { shortNames } from '../run/overview/chartSeries.ts';
import { navigate } from '../shell/navigation.ts';
import { useRuns } from '../shell/openRuns.ts';
import { formatRoute, type RunsRoute, runRoute } from '../shell/routes.ts';
import { Button, LinkButton } from '../ui/Button.tsx';
import { csvText } from '../ui/csv.ts';
import { FailureNotice } from '../ui/FailureNotice.tsx';
import { Notice } from '../ui/Notice.tsx';
import { Panel } from '../ui/Panel.tsx';
import { saveFile } from '../ui/saveFile.ts';
import { comparisonRows } from './comparison.ts';
import './comparison.css';
import { DifferenceTable, GroupTable } from './GroupTables.tsx';
import { MetricChart } from './MetricChart.tsx';
import { PairTable } from './PairTable.tsx';
import { useCompared } from './useCompared.ts';

export function Comparison({ route }: { readonly route: RunsRoute }) {
  const runs = useRuns(route.compare);
  return (
    <section class="stack comparison" aria-labelledby="comparison-title">
      <div class="row comparison-head">
        <h2 id="comparison-title">Comparison of {runs.length === 1 ? '1 run' : `${runs.length} runs`}</h2>
        <Actions route={route} />
      </div>
      {runs.length < route.compare.length && (
        <Notice
          kind="warning"
          title={`${route.compare.length - runs.length} of the chosen runs are not open here.`}
          fix="Open the dashboard or the directory that they are in."
        />
      )}
      {runs.map((run) => {
        const { id } = run.ref;
        const error = run.failure.value;
        if (error !== undefined) return <FailureNotice key={id} error={error} />;
        const problem = run.listing.value?.problem;
        return problem ? (
          <Notice key={id} kind="warning" title={`${id} is not compared. ${problem}`} />
        ) : null;
      })}
      {runs.length === 1 && (
        <Notice kind="info" title="Choose a second run in the table to compare it with." />
      )}
      <Contents runs={runs} route={route} />
    </section>
  );
}

/** Look at the curves of all metrics, or end the comparison. */
function Actions({ route }: { readonly route: RunsRoute }) {
  const [first, ...others] = route.compare;
  return (
    <div class="row push">
      {first && others.length > 0 && (
        <LinkButton small icon="chart" href={formatRoute(runRoute(first, 'overview', { compare: others }))}>
          All curves
        </LinkButton>
      )}
      <Button small icon="close" onClick={() => navigate({ ...route, compare: [] }, { replace: true })}>
        End the comparison
      </Button>
    </div>
  );
}

function Contents({ runs, route }: { readonly runs: readonly RunData[]; readonly route: RunsRoute }) {
  const names = useMemo(() => shortNames(runs.map(({ ref }) => ref.id)), [runs]);
  const compared = useCompared(runs, names);
  const comparison = useMemo(() => compareRuns(compared), [compared]);
  const save = (): void =>
    saveFile(new Blob([csvText(comparisonRows(comparison))], { type: 'text/csv' }), 'comparison.csv');
  return (
    <>
      <MetricChart runs={runs} names={names} route={route} />
      {compared.length > 1 && (
        <>
          <Panel
            title="Options that differ, and results over seeds"
            note={<GroupNote count={comparison.groups.length} />}
            actions={
              <Button small icon="download" onClick={save}>
                Save as CSV
              </Button>
            }
            flush
          >
            <GroupTable comparison={comparison} />
          </Panel>
          {comparison.comparisons.length > 0 && (
            <Panel
              title="Groups compared"
              note="Final accuracy of the second group less that of the first. Differences on the same problems are of these models; other seeds may give other results."
              flush
            >
              <DifferenceTable comparison={comparison} />
            </Panel>
          )}
          <PairTable compared={compared} />
        </>
      )}
    </>
  );
}

function GroupNote({ count }: { readonly count: number }) {
  return (
    <>
      {count === 1
        ? 'All options that can change a result are the same: the runs are one group, which differs in its seeds.'
        : 'Runs whose options are the same but for the seed are one group.'}{' '}
      Means have Student’s 95 % interval over the runs of a group.
    </>
  );
}
