/** Says the progress of a run in training to screen readers, from time to time. */
import { useEffect, useRef } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { formatNumber } from '../../ui/format.ts';
import { announce } from '../../ui/live.tsx';

/** Time between two messages at least. */
const PAUSE_MS = 15_000;

export function Announcer({ run }: { readonly run: RunData }) {
  const next = useRef(0);
  const columns = run.metrics.value.phases.get('grpo');
  const step = columns?.latest('step') ?? Number.NaN;
  const isTraining = run.listing.value?.state === 'training';
  useEffect(() => {
    if (!isTraining || !columns || performance.now() < next.current) return;
    next.current = performance.now() + PAUSE_MS;
    announce(`Step ${step}, reward ${formatNumber(columns.latest('reward'))}`);
  }, [isTraining, columns, step]);
  return null;
}
