/**
 * The tensor engine: tensors, ops, gradients, recordings and optimisers.
 *
 * @module mathformer/tensor
 */
export type { Scalar } from '../gpu/kernel.ts';
export { backward, enableGrad, noGrad } from './autograd.ts';
export * from './capture.ts';
export * from './functional.ts';
export * from './ops/attention.ts';
export * from './ops/cast.ts';
export * from './ops/comparison.ts';
export * from './ops/creation.ts';
export * from './ops/dropout.ts';
export * from './ops/einsum.ts';
export * from './ops/elementwise.ts';
export { gather, indexSelect, oneHot } from './ops/indexing.ts';
export * from './ops/join.ts';
export * from './ops/layerNorm.ts';
export { type LinearOptions, linear } from './ops/linear.ts';
export { type LogSoftmaxGatherOptions, logSoftmaxGather } from './ops/logSoftmaxGather.ts';
export * from './ops/loss.ts';
export * from './ops/maskedSelect.ts';
export * from './ops/matmul.ts';
export * from './ops/moe.ts';
export * from './ops/movement.ts';
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
export * from './ops/repeat.ts';
export * from './ops/reshape.ts';
export * from './ops/rope.ts';
export * from './ops/rows.ts';
export * from './ops/scaledDotProductAttention.ts';
export * from './ops/scan.ts';
export * from './ops/scatter.ts';
export * from './ops/softmax.ts';
export * from './ops/sort.ts';
export * from './ops/swiglu.ts';
export * from './optim/adamw.ts';
export * from './optim/clip.ts';
export {
  MAX_SKIPPED,
  type Optimizer,
  type OptimizerState,
  refuseDivergence,
  type StepReport,
} from './optim/optimizer.ts';
export * from './optim/schedules.ts';
export * from './optim/sgd.ts';
export * from './parameters.ts';
export { Generator, type GeneratorState } from './random.ts';
export { type DType, type Gradient, type GradNode, type Shape, Tensor, type TensorData } from './tensor.ts';
