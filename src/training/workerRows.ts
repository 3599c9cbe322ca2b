/**
 * The work on other machines in the files of a run: figures of all workers in each row of its metrics, and a row for each worker
 * and step in `workers.jsonl`. A run that works alone has neither.
 */
import type { ClusterFigures } from '../cluster/trainer/metrics.ts';
import { rowEnds } from './metricsLines.ts';
import type { MetricsRow, WorkerRow } from './store.ts';

/** Return the figures of a step for its row of metrics. */
export const workerMetrics = (figures: ClusterFigures) => ({
  'workers/connected': figures.connected,
  'workers/tokens_per_second': figures.tokensPerSecond,
  'workers/items': figures.items,
  'workers/own_items': figures.ownItems,
  'workers/redelivered': figures.redelivered,
  'workers/hedged': figures.hedged,
  'workers/duplicate': figures.duplicate,
  'workers/rejected': figures.rejected,
  'workers/banned': figures.workers.filter(({ banned }) => banned).length,
  'workers/logp_difference_max': figures.logpDifferenceMax,
  'workers/logp_difference_mean': figures.logpDifferenceMean,
  'workers/flipped_share': figures.flippedShare,
  'workers/policy_seconds_p50': figures.policySecondsP50,
  'workers/policy_seconds_p99': figures.policySecondsP99,
  'workers/bytes': figures.bytes,
});

/** Return a row for each worker. */
export const workerRows = (step: number, { workers }: ClusterFigures): WorkerRow[] =>
  workers.map((worker) => ({ step, ...worker }));

/**
 * Return the end offset of each row of `workers.jsonl` that a resumed run keeps: those of the steps that its metrics have.
 * @param bytes of the file. @param metrics the rows of metrics that are kept.
 */
export function keptWorkerRows(bytes: Uint8Array, metrics: readonly MetricsRow[]): Generator<number> {
  const last = metrics.findLast(({ phase }) => phase === 'grpo')?.step ?? 0;
  return rowEnds(bytes, ({ step }) => typeof step === 'number' && step <= last);
}
