/** The page Heads of a run. */
import { EmptyState } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';

export function HeadsPage({ run }: RunTabProps) {
  return <EmptyState title={`Heads of ${run.ref.id}`} />;
}
