/** The pages that a report does not have: they train or connect to others, which a file from the disk may not. */

import { PageTitle } from '../shell/PageTitle.tsx';
import type { LabRoute, LearnRoute, LendRoute } from '../shell/routes.ts';
import { Code } from '../ui/Code.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';

/** Stands for the Lab. */
export function LabPage(_: { readonly route: LabRoute }) {
  return <Elsewhere title="Lab" />;
}

/** Stands for Learn. */
export function LearnPage(_: { readonly route: LearnRoute }) {
  return <Elsewhere title="Learn" />;
}

/** Stands for the page that lends the tab. */
export function LendPage(_: { readonly route: LendRoute }) {
  return <Elsewhere title="Lend this tab" />;
}

function Elsewhere({ title }: { readonly title: string }) {
  return (
    <div class="stack">
      <PageTitle title={title} />
      <EmptyState title="This page is not in a report.">
        <p>A report shows runs. To train in a browser, open the app on your machine:</p>
        <Code label="Command that opens the app" text="npx mathformer dashboard" />
      </EmptyState>
    </div>
  );
}
