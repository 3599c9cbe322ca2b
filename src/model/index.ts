/**
 * The decoder-only transformer: its config, forward pass, batched sampling, scoring and evaluation, and checkpoints
 * as bytes (safetensors, and the `.pt` files of the original Python project).
 *
 * @module mathformer/model
 */
export type { ElementArray } from '../formats/dtype.ts';
export {
  type HuggingFaceModel,
  huggingFaceConfig,
  readHuggingFace,
  writeHuggingFace,
} from '../formats/huggingFace/index.ts';
export type { TokenizerTexts } from '../formats/huggingFace/tokenizer.ts';
export * from '../formats/index.ts';
export * from '../formats/inspect.ts';
export type { BaseConfig } from './architectures/architecture.ts';
export type { ModelConfigs } from './architectures/index.ts';
export type { LlamaConfig } from './architectures/llama.ts';
export type { AlibiConfig } from './architectures/mathformer.ts';
export { type AttentionProbabilities, attentionProbabilities } from './attentionProbabilities.ts';
export { MIN_TEMPERATURE } from './completions.ts';
export {
  describe,
  MODEL_SHAPES,
  MODEL_SIZES,
  type ModelConfig,
  type ModelOverrides,
  type ModelShape,
  type ModelSize,
  modelConfig,
  validateModelConfig,
} from './config.ts';
export * from './evaluate.ts';
export type { DropoutOptions, ForwardOptions, ObservedAttention } from './layers/pass.ts';
export { alibiSlopes } from './layers/position.ts';
export * from './modelConfigError.ts';
export * from './sampler.ts';
export { type ScoredSequence, type ScoreOptions, type Scores, scoreTokens } from './score.ts';
export { initialStateDict, parameterShapes } from './stateDict.ts';
export type { TrainingState } from './trainingState.ts';
export * from './transformer.ts';
export * from './tuneFor.ts';
export * from './workload.ts';
