/** The page Groups of a run. */
import { EmptyState } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';

export function GroupsPage({ run }: RunTabProps) {
  return <EmptyState title={`Groups of ${run.ref.id}`} />;
}
