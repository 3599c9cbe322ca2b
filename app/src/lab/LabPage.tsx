/** The Lab: trains in this tab. */
import { PageTitle } from '../shell/PageTitle.tsx';
import type { LabRoute } from '../shell/routes.ts';

export function LabPage({ route }: { readonly route: LabRoute }) {
  return (
    <div class="stack">
      <PageTitle title="Lab" />
      <p>{Object.keys(route.settings).join(', ')}</p>
    </div>
  );
}
