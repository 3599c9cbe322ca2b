/**
 * Training sessions from first step to last: evaluated, saved, resumed and recovered, on a store of their own.
 *
 * @module mathformer/training
 */

export { type DescribedOption, describedOptions, type OptionType } from '../base/describedOptions.ts';
export { flagOf } from '../base/options.ts';
export { type Interval, wilsonInterval } from '../base/statistics.ts';
export { holm } from '../base/studentT.ts';
export {
  type Accuracy,
  accuracyOf,
  type Improvement,
  improvementOf,
} from './accuracy.ts';
export * from './checkpointList.ts';
export { commandOptions } from './commandOptions.ts';
export * from './comparison.ts';
export { completionsFile, isCorrect } from './completions.ts';
export type * from './events.ts';
export { FileStore, type FileStoreOptions } from './fileStore.ts';
export { type TrainGrpoOptions, trainGrpo } from './grpo.ts';
export { EVALUATION_FILE, heldOut } from './heldOut.ts';
export * from './machine.ts';
export * from './memoryStore.ts';
export { type DirectoryHandle, OpfsFiles } from './opfsFiles.ts';
export * from './pipeline.ts';
export { pretrain, type TrainSupervisedOptions } from './pretrain.ts';
export { readComparedRun, verdictsOf } from './readComparedRun.ts';
export { CONFIG_FILE, listingOf, readConfig, SUMMARY_FILE } from './readListing.ts';
export { type Attempt, type RecoveryOptions, withRecovery } from './recovery.ts';
export * from './report.ts';
export * from './resume.ts';
export { RUN_KINDS, type RunConfig, type RunKind, runConfigSchema } from './runConfig.ts';
export type * from './runFiles.ts';
export type { RunListing, RunState } from './runListing.ts';
export { type OptionSection, optionSections } from './runOptions.ts';
export * from './runRows.ts';
export * from './served.ts';
export type { SessionContext, SessionOptions } from './session.ts';
export type { PhaseName, PhaseResult, SessionState, Totals } from './sessionState.ts';
export type * from './store.ts';
export type { Results, Summary, SummaryContext } from './summary.ts';
export * from './trace.ts';
export { settingsOf, type TrainedSettings } from './trainedSettings.ts';
export { type TrainedCheckpoint, trainedTask } from './trainedTask.ts';
export * from './webLock.ts';
export { type WorkersOptions, withWorkers } from './workers.ts';
