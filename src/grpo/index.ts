/**
 * Group relative policy optimisation (GRPO) and its relatives: the trainer, rewards, a curriculum, and the parts to write
 * your own training loop.
 *
 * @module mathformer/grpo
 */
export { ADVANTAGE_KINDS, type AdvantageKind, advantages } from './advantages.ts';
export { Curriculum, type CurriculumState, type LevelRecord, UNIFORM_SHARE } from './curriculum.ts';
export { DYNAMIC_SAMPLING_METRICS, MAX_REFILLS, sampleUnequal } from './dynamicSampling.ts';
export { grpoLoss, type Loss, type LossInputs, type LossOptions, type TokenSequences } from './grpoLoss.ts';
export {
  type AdaptiveKl,
  adaptedKlCoef,
  exactKl,
  KL_ESTIMATORS,
  KL_NAMES,
  type KlEstimator,
  type KlName,
  type KlOptions,
} from './kl.ts';
export {
  type ClipRange,
  clippedSurrogate,
  clipRange,
  LOSS_NAMES,
  LOSSES,
  type LossName,
  type LossRow,
  type Objective,
  type StepSize,
  tokenWeight,
} from './losses.ts';
export { type GrpoOptions, grpoOptions, grpoSchema } from './options.ts';
export { type OverlongOptions, overlongPenalty } from './overlong.ts';
export { RECIPE_NAMES, RECIPES, type Recipe, type RecipeName } from './recipes.ts';
export {
  builtInReward,
  REWARD_NAMES,
  type Reward,
  type RewardContext,
  type RewardedCompletion,
  type RewardName,
  type RewardValue,
} from './reward.ts';
export {
  type RewardCase,
  RewardError,
  type RewardErrorCode,
  type RewardValues,
  rewardSums,
  rewardValues,
} from './rewardValues.ts';
export type { SampleRow } from './samples.ts';
export type { GrpoProgress, GrpoState } from './state.ts';
export { type GrpoMetrics, GrpoTrainer, type GrpoTrainerParts, type Rollout } from './trainer.ts';
export { WARNING_NAMES, type Warning, type WarningName, Warnings } from './warnings.ts';
