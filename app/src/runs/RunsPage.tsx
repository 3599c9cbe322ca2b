/** The list of runs. */
import { PageTitle } from '../shell/PageTitle.tsx';
import type { RunsRoute } from '../shell/routes.ts';

export function RunsPage({ route }: { readonly route: RunsRoute }) {
  return (
    <div class="stack">
      <PageTitle title="Runs" />
      <p>{route.filter}</p>
    </div>
  );
}
