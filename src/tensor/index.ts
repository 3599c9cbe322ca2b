/**
 * The tensor engine: tensors, ops, gradients, recordings and optimisers.
 *
 * @module mathformer/tensor
 */
export type { Scalar } from '../gpu/kernel.ts';
export { backward, enableGrad, noGrad } from './autograd.ts';
export { type CaptureArgument, type Captured, type CaptureOptions, capture } from './capture.ts';
export {
  type CheckpointOptions,
  type CustomGradient,
  checkpoint,
  customGradient,
  type GradOptions,
  grad,
  valueAndGrad,
} from './functional.ts';
export * from './ops/attention.ts';
export { cast } from './ops/cast.ts';
export * from './ops/comparison.ts';
export * from './ops/creation.ts';
export { type DropoutKey, dropout } from './ops/dropout.ts';
export { einsum } from './ops/einsum.ts';
export * from './ops/elementwise.ts';
export { gather, indexSelect, oneHot } from './ops/indexing.ts';
export { cat, chunk, roll, split, stack } from './ops/join.ts';
export { layerNorm, rmsNorm } from './ops/layerNorm.ts';
export { type LinearOptions, linear } from './ops/linear.ts';
export { type LogSoftmaxGatherOptions, logSoftmaxGather } from './ops/logSoftmaxGather.ts';
export * from './ops/loss.ts';
export { maskedSelect, nonzero } from './ops/maskedSelect.ts';
export { dot, matmul, outer } from './ops/matmul.ts';
export {
  type ExpertWeights,
  loadBalance,
  MAX_ACTIVE_EXPERTS,
  mixtureOfExperts,
  type Routing,
} from './ops/moe.ts';
export {
  expand,
  flip,
  narrow,
  pad,
  permute,
  type Range,
  select,
  slice,
  transpose,
  tril,
  triu,
} from './ops/movement.ts';
export * from './ops/packing.ts';
export * from './ops/random.ts';
export {
  type ArgOptions,
  all,
  any,
  argmax,
  argmin,
  logsumexp,
  max,
  mean,
  min,
  norm,
  prod,
  type ReduceOptions,
  std,
  sum,
  type VarianceOptions,
  variance,
} from './ops/reduce.ts';
export { type RepeatInterleaveOptions, repeat, repeatInterleave, tile } from './ops/repeat.ts';
export { flatten, reshape, squeeze, unsqueeze } from './ops/reshape.ts';
export { type RopeFrequencyOptions, type RopeOptions, rope, ropeFrequencies } from './ops/rope.ts';
export * from './ops/rows.ts';
export {
  type ScaledDotProductAttentionOptions,
  scaledDotProductAttention,
} from './ops/scaledDotProductAttention.ts';
export { cumprod, cumsum } from './ops/scan.ts';
export {
  type ScatterReduceOptions,
  type ScatterReduction,
  scatter,
  scatterAdd,
  scatterReduce,
} from './ops/scatter.ts';
export { logSoftmax, softmax } from './ops/softmax.ts';
export { argsort, type Sorted, type SortOptions, sort, type TopkOptions, topk } from './ops/sort.ts';
export { swiglu } from './ops/swiglu.ts';
export { AdamW, type AdamWOptions } from './optim/adamw.ts';
export { type ClipGradNormOptions, clipGradNorm, clipGradValue } from './optim/clip.ts';
export {
  MAX_SKIPPED,
  type Optimizer,
  type OptimizerState,
  refuseDivergence,
  type StepReport,
} from './optim/optimizer.ts';
export * from './optim/schedules.ts';
export { SGD, type SGDOptions } from './optim/sgd.ts';
export { type ParameterArena, Parameters } from './parameters.ts';
export { Generator, type GeneratorState } from './random.ts';
export { type DType, type Gradient, type GradNode, type Shape, Tensor, type TensorData } from './tensor.ts';
