/** The common exports of both entry points; `index.node.ts` and `index.browser.ts` add `connect`. */
export type { Agreement } from './agreement.ts';
export type { Connect, Connected, ConnectOptions } from './connection.ts';
export { Coordinator, type CoordinatorOptions } from './coordinator.ts';
export { type DeviceWorkerOptions, deviceWorker } from './deviceWorker.ts';
export { ClusterError, type ClusterErrorCode } from './error.ts';
export type { ClusterEvent, ClusterListener } from './events.ts';
export type { SamplingCall } from './job.ts';
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
export { RemoteSampler } from './remoteSampler.ts';
export type { SampledPrompts } from './result.ts';
export {
  type MakeSampler,
  type OpenRolloutMachine,
  type RolloutMachine,
  rolloutMachineOf,
} from './rolloutMachine.ts';
export { PROTOCOL, type Spec, WORKERS_MODES, type WorkersMode } from './spec.ts';
export { OPEN_KEY, type WorkerId, workerName } from './subjects.ts';
export { type ReceivedResult, type Verdict, Verifier, type VerifierOptions } from './verifier.ts';
export {
  RolloutWorker,
  type RolloutWorkerOptions,
  type WorkerFacts,
  type WorkOptions,
  type WorkReport,
} from './worker.ts';
export type { LeaveReason, RunName, WorkerEvent, WorkerListener } from './workerEvents.ts';
export type { WorkerCounts } from './workerTally.ts';
