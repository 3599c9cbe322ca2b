/** The frame of every page: navigation, the page itself, and what is said to screen readers. */
import { useEffect } from 'preact/hooks';
import { UpdateNotice } from '../pwa/UpdateNotice.tsx';
import { keepNothing, keepOffline } from '../pwa/updates.ts';
import { Loading } from '../ui/EmptyState.tsx';
import { LiveRegion } from '../ui/live.tsx';
import './app.css';
import { DropTarget } from './dropped.tsx';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { Masthead } from './Masthead.tsx';
import { NotFound } from './NotFound.tsx';
import { navigate, route } from './navigation.ts';
import { GalleryPage, LabPage, LearnPage, LendPage, RunPage, RunsPage } from './pages.tsx';
import type { Route } from './routes.ts';
import { findSources, isDashboard, isSearched, sources } from './sources.ts';

/** Look for runs; then keep the app for use offline, unless a server or a report brings it along. */
async function start(): Promise<void> {
  await findSources();
  // A report may lie where no service worker can be, such as on the disk.
  if (sources.value.has('report')) return;
  await (isDashboard.value ? keepNothing() : keepOffline());
}

/** Draw the app. */
export function App() {
  useEffect(() => void start(), []);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        Skip to the content
      </button>
      <Masthead />
      <main id="content" class="page" tabIndex={-1}>
        <ErrorBoundary key={keyOf(route.value)}>
          {route.value?.page === 'runs' && <DropTarget />}
          <Page />
        </ErrorBoundary>
      </main>
      <UpdateNotice />
      <LiveRegion />
    </>
  );
}

/** Parameters change a page; another path, or another run, is another page. */
function keyOf(shown: Route | undefined): string {
  return shown?.page === 'run' ? `${shown.run.source}/${shown.run.id}` : (shown?.page ?? '');
}

function Page() {
  const shown = route.value;
  if (!shown) return location.hash.length > 2 ? <NotFound /> : <FirstPage />;
  switch (shown.page) {
    case 'lab':
      return <LabPage route={shown} />;
    case 'runs':
      return <RunsPage route={shown} />;
    case 'run':
      return <RunPage route={shown} />;
    case 'learn':
      return <LearnPage route={shown} />;
    case 'lend':
      return <LendPage route={shown} />;
    case 'gallery':
      return GalleryPage ? <GalleryPage /> : <NotFound />;
    default:
      return shown satisfies never;
  }
}

/** Runs where there are some to look at, else the Lab. */
function FirstPage() {
  const searched = isSearched.value;
  const dashboard = isDashboard.value;
  useEffect(() => {
    if (!searched && !dashboard) return;
    navigate(dashboard ? { page: 'runs', filter: '', compare: [] } : { page: 'lab', settings: {} }, {
      replace: true,
    });
  }, [searched, dashboard]);
  return <Loading />;
}
