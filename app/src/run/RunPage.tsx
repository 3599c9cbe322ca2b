/** The page of one run: its name and state, and its pages. */
import { WORKERS_FILE } from 'mathformer/training';
import type { RunData } from '../data/runData.ts';
import { useRuns } from '../shell/openRuns.ts';
import { PageTitle } from '../shell/PageTitle.tsx';
import { formatRoute, RUN_PAGES, type RunRoute, type RunPage as RunTab, runRoute } from '../shell/routes.ts';
import { isSearched } from '../shell/sources.ts';
import { StateBadge } from '../ui/Badge.tsx';
import { LinkButton } from '../ui/Button.tsx';
import { EmptyState, Loading } from '../ui/EmptyState.tsx';
import { FailureNotice } from '../ui/FailureNotice.tsx';
import { Notice } from '../ui/Notice.tsx';
import { Tabs } from '../ui/Tabs.tsx';
import './run.css';
import type { RunTabProps } from './tabProps.ts';
import { RUN_TABS } from './tabs.ts';

export function RunPage({ route }: { readonly route: RunRoute }) {
  const [run] = useRuns([route.run]);
  if (run) return <OpenRun run={run} route={route} />;
  return (
    <div class="stack">
      <PageTitle title={route.run.id} />
      {isSearched.value ? <NoSource /> : <Loading />}
    </div>
  );
}

function NoSource() {
  return (
    <EmptyState
      title="The place of this run is not open."
      actions={<LinkButton href={formatRoute({ page: 'runs', filter: '', compare: [] })}>Runs</LinkButton>}
    >
      <p>Open the dashboard that the link came from, or drop the run’s directory on Runs.</p>
    </EmptyState>
  );
}

function OpenRun({ run, route }: RunTabProps) {
  const { label, Page } = RUN_TABS[route.tab];
  const listing = run.listing.value;
  const failure = run.failure.value;
  return (
    <>
      <div class="page-head run-head">
        <p class="quiet">
          <a href={formatRoute({ page: 'runs', filter: '', compare: [] })}>Runs</a>
        </p>
        <PageTitle title={run.ref.id} part={label} />
        <p class="facts">{listing && <Facts run={run} />}</p>
      </div>
      <Tabs
        label="Pages of the run"
        tabs={shownTabs(run, route.tab).map((tab) => ({
          label: RUN_TABS[tab].label,
          href: formatRoute(runRoute(run.ref, tab, { step: route.step, compare: route.compare })),
          current: tab === route.tab,
        }))}
      />
      <div class="stack run-body">
        {failure !== undefined && <FailureNotice error={failure} />}
        {listing?.problem && <Notice kind="error" title={listing.problem} />}
        {(listing || failure === undefined) && <Page run={run} route={route} />}
      </div>
    </>
  );
}

/** Return the pages of a run. Workers is among them if other machines took part. */
function shownTabs(run: RunData, current: RunTab): readonly RunTab[] {
  const hasWorkers = run.files.ready?.some(({ name, bytes }) => name === WORKERS_FILE && bytes > 0) ?? false;
  return RUN_PAGES.filter((tab) => tab !== 'workers' || hasWorkers || current === 'workers');
}

function Facts({ run }: { readonly run: RunData }) {
  const listing = run.listing.value;
  if (!listing) return null;
  const { state, phase, step, steps, model, parameters, adapter, seed } = listing;
  const facts = [
    phase && `${phase} step ${step}${steps === null ? '' : ` of ${steps}`}`,
    listing.task,
    model && `${model}${parameters === null ? '' : `, ${parameters.toLocaleString('en')} parameters`}`,
    seed !== null && `seed ${seed}`,
    adapter,
  ];
  return (
    <>
      <StateBadge state={state} />
      {facts
        .filter((fact) => typeof fact === 'string' && fact !== '')
        .map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
    </>
  );
}
