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
export * from '../formats/index.ts';
export {
  alibiSlopes,
  describe,
  MODEL_SHAPES,
  MODEL_SIZES,
  type ModelConfig,
  ModelConfigError,
  type ModelOverrides,
  type ModelShape,
  type ModelSize,
  modelConfig,
  parameterShapes,
  validateModelConfig,
} from './config.ts';
export {
  countCorrect,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type SampleCountOptions,
} from './evaluate.ts';
export { initialStateDict } from './initialise.ts';
export {
  type Inspection,
  inspectCheckpoint,
  inspectHuggingFace,
  type TensorStatistics,
  type TensorSummary,
} from './inspect.ts';
export { type Completion, type CompletionSampler, type SampleOptions, Sampler } from './sampler.ts';
export { MIN_TEMPERATURE } from './sampling.ts';
export { type ScoredSequence, type ScoreOptions, type Scores, scoreTokens } from './score.ts';
export type { TrainingState } from './trainingState.ts';
export { type DropoutOptions, type ForwardOptions, Transformer } from './transformer.ts';
export { type TuningRows, tuningCases } from './tuningCases.ts';
