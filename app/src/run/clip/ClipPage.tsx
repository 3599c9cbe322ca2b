/** The page Clip of a run. */
import { EmptyState } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';

export function ClipPage({ run }: RunTabProps) {
  return <EmptyState title={`Clip of ${run.ref.id}`} />;
}
