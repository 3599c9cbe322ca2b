/** The page Problems of a run. */
import { EmptyState } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';

export function ProblemsPage({ run }: RunTabProps) {
  return <EmptyState title={`Problems of ${run.ref.id}`} />;
}
