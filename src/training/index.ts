/**
 * Training sessions from first step to last: evaluated, saved, resumed and recovered, on a store of their own.
 *
 * @module mathformer/training
 */
export {
  type Accuracy,
  accuracyOf,
  type Improvement,
  improvementOf,
} from './accuracy.ts';
export {
  type BestCheckpoint,
  type CheckpointList,
  cutAfter,
  type ListedCheckpoint,
  withAccuracy,
  withCheckpoint,
} from './checkpointList.ts';
export type { Listener, ModelOrigin, TrainingEvent } from './events.ts';
export { type TrainGrpoOptions, trainGrpo } from './grpo.ts';
export { heldOut } from './heldOut.ts';
export {
  type AdapterRecord,
  type Machine,
  type MachineNeed,
  machineOf,
  type OpenMachine,
  type Provenance,
} from './machine.ts';
export { MemoryStore } from './memoryStore.ts';
export { type PipelineOptions, pipeline } from './pipeline.ts';
export { pretrain, type TrainSupervisedOptions } from './pretrain.ts';
export { type Attempt, type RecoveryOptions, withRecovery } from './recovery.ts';
export { type ResumeOptions, resume } from './resume.ts';
export { RUN_KINDS, type RunConfig, type RunKind, runConfigSchema } from './runConfig.ts';
export type { SessionContext, SessionOptions } from './session.ts';
export type { PhaseName, PhaseResult, SessionState, Totals } from './sessionState.ts';
export type {
  Awaitable,
  Metric,
  MetricsRow,
  ResumePoint,
  SaveOptions,
  Store,
  StoredCheckpoints,
  StoredRun,
  TrainingCheckpoint,
} from './store.ts';
export type { Results, Summary, SummaryContext } from './summary.ts';
export { settingsOf, type TrainedSettings } from './trainedSettings.ts';
