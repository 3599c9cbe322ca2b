/** Saved runs to compare. */
import type { SavedRun } from '../../experiments/savedRun.ts';

/** A run of two steps and four problems. */
export function savedRun(changes: Partial<SavedRun>): SavedRun {
  return {
    name: 'experiment/row/seed-0',
    start: 'start',
    seed: 0,
    options: { lr: 1e-3 },
    model: '2 layers, 32 wide',
    adapter: 'an adapter',
    versions: { node: 'v20' },
    gitCommit: null,
    before: '0101',
    after: '0111',
    evaluations: [
      [0, 0.5],
      [2, 0.75],
    ],
    metrics: { steps: 1, reward: [0.4, 0.6], kl: [0, 0.1], entropy: [1, 0.9], length: [20, 21] },
    seconds: 3,
    trainingSeconds: 2,
    tokens: 1000,
    ...changes,
  };
}
