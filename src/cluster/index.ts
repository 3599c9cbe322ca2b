/** The common exports of both entry points; `index.node.ts` and `index.browser.ts` add `connect`. */

export type { Connect, Connected, ConnectOptions } from './connection/connection.ts';
export { ClusterError, type ClusterErrorCode } from './protocol/error.ts';
export { machineClass } from './protocol/machineClass.ts';
export type {
  KnownWorker,
  Refusal,
  TrainerCard,
  TrainerState,
  Welcome,
  WorkerCard,
  WorkItem,
} from './protocol/messages.ts';
export type { SampledPrompts } from './protocol/result.ts';
export { PROTOCOL, type Spec, WORKERS_MODES, type WorkersMode } from './protocol/spec.ts';
export { OPEN_KEY, type WorkerId, workerName } from './protocol/subjects.ts';
export { Coordinator, type CoordinatorOptions } from './trainer/coordinator.ts';
export type { ClusterEvent, ClusterListener } from './trainer/events.ts';
export type { SamplingCall } from './trainer/job.ts';
export type * from './trainer/metrics.ts';
export { RemoteSampler } from './trainer/remoteSampler.ts';
export type { Agreement } from './trust/agreement.ts';
export { type ReceivedResult, type Verdict, Verifier, type VerifierOptions } from './trust/verifier.ts';
export { type DeviceWorkerOptions, deviceWorker } from './worker/deviceWorker.ts';
export {
  type MakeSampler,
  type OpenRolloutMachine,
  type RolloutMachine,
  rolloutMachineOf,
} from './worker/rolloutMachine.ts';
export {
  RolloutWorker,
  type RolloutWorkerOptions,
  type WorkerFacts,
  type WorkOptions,
  type WorkReport,
} from './worker/worker.ts';
export type { LeaveReason, RunName, WorkerEvent, WorkerListener } from './worker/workerEvents.ts';
export type { WorkerCounts } from './worker/workerTally.ts';
