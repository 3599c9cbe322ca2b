/** Stands in for the list where there are no runs: says how to get some. */
import { formatRoute } from '../shell/routes.ts';
import { LinkButton } from '../ui/Button.tsx';
import { Code } from '../ui/Code.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';

export function NoRuns() {
  return (
    <EmptyState
      title="No runs are here yet."
      actions={
        <LinkButton kind="primary" icon="play" href={formatRoute({ page: 'lab', settings: {} })}>
          Train in the Lab
        </LinkButton>
      }
    >
      <p>Train a model in this browser, or drop the directory of a run, or of many runs, on this page.</p>
      <p>On your machine, train and watch with one command:</p>
      <Code label="Command that trains and opens the dashboard" text="npx mathformer train --dashboard" />
      <p>Runs that are there already open with:</p>
      <Code label="Command that opens the dashboard" text="npx mathformer dashboard runs/" />
    </EmptyState>
  );
}
