/**
 * Rollouts on many machines: what trainers and workers say to each other over a NATS server.
 *
 * @module mathformer/cluster
 */

export type { Connect, Connected, ConnectOptions } from './connection.ts';
export { ClusterError, type ClusterErrorCode } from './error.ts';
export type { ClusterEvent, ClusterListener } from './events.ts';
export { machineClass } from './machineClass.ts';
export type {
  KnownWorker,
  Refusal,
  TrainerCard,
  TrainerState,
  Welcome,
  WorkerCard,
  WorkItem,
} from './messages.ts';
export type * from './metrics.ts';
export { PROTOCOL, type Spec, WORKERS_MODES, type WorkersMode } from './spec.ts';
export { OPEN_KEY, type WorkerId, workerName } from './subjects.ts';
