/**
 * Supervised training on worked problems. It prepares a model for GRPO to improve.
 *
 * @module mathformer/pretrain
 */
export { type PretrainOptions, pretrainOptions, pretrainSchema } from './options.ts';
export type { PretrainProgress } from './progress.ts';
export { type PretrainMetrics, SupervisedTrainer, type SupervisedTrainerParts } from './trainer.ts';
