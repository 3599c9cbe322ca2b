/**
 * Supervised training on worked problems. It prepares a model for GRPO to improve.
 *
 * @module mathformer/pretrain
 */
export * from './options.ts';
export type { PretrainProgress } from './progress.ts';
export * from './trainer.ts';
