/** The page Config of a run. */
import { EmptyState } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';

export function ConfigPage({ run }: RunTabProps) {
  return <EmptyState title={`Config of ${run.ref.id}`} />;
}
