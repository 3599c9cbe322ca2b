/**
 * Group relative policy optimisation: the trainer, and its parts for loops of your own.
 *
 * @module mathformer/grpo
 */
export { type AdvantageKind, advantages } from './advantages.ts';
export { clippedSurrogate, grpoLoss, k3, type LossInputs, type LossOptions } from './loss.ts';
export { type GrpoOptions, grpoOptions, grpoSchema } from './options.ts';
export { type GrpoMetrics, GrpoTrainer, type Rollout } from './trainer.ts';
