/**
 * Group relative policy optimisation (GRPO) and its relatives: the trainer, rewards, a curriculum, and the parts to write
 * your own training loop.
 *
 * @module mathformer/grpo
 */
export { ADVANTAGE_KINDS, type AdvantageKind, advantages } from './advantages.ts';
export * from './clipping.ts';
export * from './curriculum.ts';
export * from './dynamicSampling.ts';
export {
  type Correction,
  grpoLoss,
  type Loss,
  type LossInputs,
  type LossOptions,
  type TokenSequences,
} from './grpoLoss.ts';
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
export * from './losses.ts';
export { type GrpoOptions, grpoOptions, grpoSchema } from './options.ts';
export * from './overlong.ts';
export * from './recipes.ts';
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
export * from './trainer.ts';
export * from './warnings.ts';
