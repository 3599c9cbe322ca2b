/** The page Overview of a run. */
import { EmptyState } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';

export function OverviewPage({ run }: RunTabProps) {
  return <EmptyState title={`Overview of ${run.ref.id}`} />;
}
