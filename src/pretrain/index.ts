/**
 * Supervised training on worked problems: what gives GRPO a model to improve.
 *
 * @module mathformer/pretrain
 */
export { type PretrainOptions, pretrainOptions, pretrainSchema } from './options.ts';
export type { PretrainProgress } from './progress.ts';
export { type PretrainMetrics, SupervisedTrainer, type SupervisedTrainerParts } from './trainer.ts';
