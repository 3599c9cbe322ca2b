/** The guided steps. */
import { PageTitle } from '../shell/PageTitle.tsx';
import type { LearnRoute } from '../shell/routes.ts';

export function LearnPage({ route }: { readonly route: LearnRoute }) {
  return (
    <div class="stack">
      <PageTitle title="Learn" />
      <p>{route.lesson}</p>
    </div>
  );
}
