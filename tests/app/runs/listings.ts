/** Runs in a list, for tests. */
import type { RunListing } from 'mathformer/training';
import type { ListedRun } from '../../../app/src/runs/runOrder.ts';
import type { SourceName } from '../../../app/src/shell/routes.ts';

/** Make a run of which only some facts matter. */
export function listedRun(facts: Partial<RunListing> = {}, source: SourceName = 'server'): ListedRun {
  const listing: RunListing = {
    id: 'run',
    state: 'finished',
    problem: null,
    kind: 'grpo',
    task: 'arithmetic',
    startedAt: '2026-03-01T12:00:00.000Z',
    modified: Date.parse('2026-03-01T12:01:00.000Z'),
    step: 10,
    steps: 10,
    phase: 'grpo',
    parameters: 30_000,
    model: 'tiny',
    adapter: 'wasm',
    seed: 0,
    baseline: null,
    final: null,
    improvement: null,
    reward: null,
    options: {},
    ...facts,
  };
  return { source, listing };
}
