/**
 * Group relative policy optimisation and its relatives: the trainer, and its parts for loops of your own.
 *
 * @module mathformer/grpo
 */
export { ADVANTAGE_KINDS, type AdvantageKind, advantages } from './advantages.ts';
export { MAX_REFILLS, sampleUnequal } from './dynamicSampling.ts';
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
export { grpoLoss, type Loss, type LossInputs, type LossOptions, type TokenSequences } from './loss.ts';
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
export { type GrpoMetrics, GrpoTrainer, type Rollout } from './trainer.ts';
