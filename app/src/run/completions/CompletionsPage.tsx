/** The page Completions of a run. */
import { EmptyState } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';

export function CompletionsPage({ run }: RunTabProps) {
  return <EmptyState title={`Completions of ${run.ref.id}`} />;
}
