/** The list of the runs of all sources. Runs are chosen here to be compared; nothing of a run is read before it is opened. */
import { OpenDirectoryButton } from '../shell/dropped.tsx';
import { lazy } from '../shell/Lazy.tsx';
import { navigate } from '../shell/navigation.ts';
import { PageTitle } from '../shell/PageTitle.tsx';
import { isSameRun, type RunsRoute } from '../shell/routes.ts';
import { isSearched, sources } from '../shell/sources.ts';
import { Button } from '../ui/Button.tsx';
import { Details } from '../ui/Details.tsx';
import { EmptyState, Loading } from '../ui/EmptyState.tsx';
import { FailureNotice } from '../ui/FailureNotice.tsx';
import { FilterBar } from './FilterBar.tsx';
import { type Listings, useListings } from './listings.ts';
import { NoRuns } from './NoRuns.tsx';
import { RunList } from './RunList.tsx';
import { EVERY_RUN, formatFilter, isChosen, parseFilter, type RunFilter } from './runFilter.ts';
import { keyOf, type ListedRun, refOf } from './runOrder.ts';
import './runs.css';

/** Charts are loaded once runs are compared. */
const Comparison = lazy<{ readonly route: RunsRoute }>(
  async () => (await import('./Comparison.tsx')).Comparison,
);

export function RunsPage({ route }: { readonly route: RunsRoute }) {
  const listings = useListings(sources.value);
  return (
    <div class="stack">
      <div class="page-head">
        <div class="row">
          <PageTitle title="Runs" />
          <span class="push">
            <OpenDirectoryButton />
          </span>
        </div>
      </div>
      {listings.failures.map(({ place, error }) => (
        <FailureNotice key={place} error={error} />
      ))}
      <Content listings={listings} route={route} />
    </div>
  );
}

function Content({ listings, route }: { readonly listings: Listings; readonly route: RunsRoute }) {
  const { runs, isLoading } = listings;
  if (runs.length === 0)
    return isLoading || !isSearched.value ? <Loading label="Reading the runs" /> : <NoRuns />;
  return <FoundRuns runs={runs} route={route} />;
}

function FoundRuns({ runs, route }: { readonly runs: readonly ListedRun[]; readonly route: RunsRoute }) {
  const filter = parseFilter(route.filter);
  const left = runs.filter((run) => isChosen(run, filter));
  const change = (to: RunFilter): void => navigate({ ...route, filter: formatFilter(to) }, { replace: true });
  const isCompared = (run: ListedRun): boolean => route.compare.some((ref) => isSameRun(ref, refOf(run)));
  const toggle = (run: ListedRun): void => {
    const others = route.compare.filter((ref) => !isSameRun(ref, refOf(run)));
    const compare = others.length < route.compare.length ? others : [...others, refOf(run)];
    navigate({ ...route, compare }, { replace: true });
  };
  return (
    <>
      <FilterBar runs={runs} filter={filter} onChange={change} shown={left.length} />
      {left.length === 0 ? (
        <EmptyState
          title="No run matches the filter."
          actions={<Button onClick={() => change(EVERY_RUN)}>Show all runs</Button>}
        />
      ) : (
        <RunList
          runs={left}
          filter={filter}
          onSort={(sort) => change({ ...filter, sort })}
          several={new Set(runs.map(({ source }) => source)).size > 1}
          isChosen={isCompared}
          onToggle={toggle}
        />
      )}
      <Unreadable runs={left} />
      {route.compare.length > 0 && <Comparison route={route} />}
    </>
  );
}

/** Runs whose files cannot be read, each with the fault and its fix. */
function Unreadable({ runs }: { readonly runs: readonly ListedRun[] }) {
  const damaged = runs.filter(({ listing }) => listing.problem !== null);
  if (damaged.length === 0) return null;
  const summary = damaged.length === 1 ? '1 run cannot be read' : `${damaged.length} runs cannot be read`;
  return (
    <Details summary={summary} open={damaged.length <= 3}>
      <dl class="problems">
        {damaged.map((run) => (
          <div key={keyOf(run)}>
            <dt>{run.listing.id}</dt>
            <dd>{run.listing.problem}</dd>
          </div>
        ))}
      </dl>
    </Details>
  );
}
