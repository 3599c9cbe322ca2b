/** Supervised training on worked problems: what gives GRPO a model to improve. */
export { type PretrainOptions, pretrainOptions } from './options.ts';
export { type PretrainMetrics, SupervisedTrainer } from './trainer.ts';
