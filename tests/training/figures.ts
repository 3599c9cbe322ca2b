/** Made-up figures of workers. */
import type { ClusterFigures, WorkerFigures } from '../../src/cluster/trainer/metrics.ts';

/** Return the figures of a worker, with some given. */
export const workerFigures = (given: Partial<WorkerFigures> = {}): WorkerFigures => ({
  worker: 'a1',
  name: 'office',
  class: 'wasm-12345678',
  items: 3,
  tokens: 600,
  tokensPerSecond: 250,
  idleShare: 0.25,
  redelivered: 0,
  duplicate: 0,
  rejected: 0,
  policySecondsP50: 0.125,
  policySecondsP99: 0.5,
  banned: false,
  ...given,
});

/** Return the figures of all work, with some given. */
export const clusterFigures = (given: Partial<ClusterFigures> = {}): ClusterFigures => ({
  workers: [workerFigures()],
  connected: 1,
  tokensPerSecond: 250,
  items: 4,
  ownItems: 1,
  redelivered: 0,
  hedged: 0,
  duplicate: 0,
  rejected: 0,
  logpDifferenceMax: 0.001,
  logpDifferenceMean: 0.0001,
  flippedShare: 0.25,
  policySecondsP50: 0.125,
  policySecondsP99: 0.5,
  bytes: 4096,
  ...given,
});
