/** Losses as in `torch.nn.functional`. By default they are reduced to one number. */
import { expectOptions, instanceOf, integer, type OptionKinds, oneOf, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { prepareTargets } from '../../kernels/targets.ts';
import { expectIndices } from '../indices.ts';
import { expectOperands, FLOATS, INDICES } from '../operands.ts';
import { showShape, showShapes, Tensor } from '../tensor.ts';
import { notEqual, where } from './comparison.ts';
import { add, div, mul, neg, square, sub } from './elementwise.ts';
import { lookUp } from './indexing.ts';
import { logSoftmaxGatherSome } from './logSoftmaxGather.ts';
import { permute } from './movement.ts';
import { mean, sum } from './reduce.ts';
import { reshape } from './reshape.ts';
import { logSoftmax } from './softmax.ts';

/** Options of all losses. */
export interface LossOptions {
  /** Reduction of the losses of all values: 'mean', 'sum', or 'none' to keep them. Default: 'mean'. */
  readonly reduction?: 'mean' | 'sum' | 'none';
}

/** Options of `nllLoss`. */
export interface NllLossOptions extends LossOptions {
  /** f32 (C): weight of each class, also in the mean. Default: 1. It gets no gradient. */
  readonly weight?: Tensor;
  /** Targets with this value are ignored, also in the mean. Default: −100. */
  readonly ignoreIndex?: number;
}

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions extends NllLossOptions {
  /** Share of the target's probability that is distributed evenly over all classes (Szegedy et al., 1512.00567). */
  readonly labelSmoothing?: number;
}

const REDUCTION = oneOf(['mean', 'sum', 'none']);
const LOSS_OPTIONS: OptionKinds<LossOptions> = { reduction: REDUCTION };
const NLL_LOSS_OPTIONS: OptionKinds<NllLossOptions> = {
  ...LOSS_OPTIONS,
  weight: instanceOf(Tensor),
  ignoreIndex: integer(-(2 ** 31), 2 ** 32 - 1),
};
const CROSS_ENTROPY_OPTIONS: OptionKinds<CrossEntropyOptions> = {
  ...NLL_LOSS_OPTIONS,
  labelSmoothing: real({ min: 0, max: 1 }),
};

/** (prediction − target)², reduced. Both have the same shape. */
export function mseLoss(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  expectOptions('mseLoss', options, LOSS_OPTIONS);
  expectOperands('mseLoss', { prediction: [prediction, FLOATS], target: [target, FLOATS] });
  const { reduction = 'mean' } = options;
  if (showShape(prediction.shape) !== showShape(target.shape)) {
    throw new ShapeError('mseLoss', showShapes({ prediction, target }), 'give both the same shape');
  }
  const losses = square(sub(prediction, target));
  if (reduction === 'none') return losses;
  return reduction === 'mean' ? mean(losses) : sum(losses);
}

/** A classification as rows, each with one distribution over the classes and one target. */
interface Rows {
  /** (M,C), f32. */
  readonly x: Tensor;
  /** u32 (M): the target, or `NO_CLASS` if the row is ignored or the target is not a class. */
  readonly ids: Tensor;
  /** f32 (M): weight of the target's class; 0 for an ignored row, NaN for a target that is not a class. */
  readonly weights: Tensor;
}

const NO_CLASS = 0xffff_ffff;

/** Return x (N,C,…) and targets (N,…), or x (C) and a target (), as rows. */
function rowsOf(name: string, operand: string, x: Tensor, targets: Tensor, options: NllLossOptions): Rows {
  const { weight, ignoreIndex = -100 } = options;
  expectOperands(name, { [operand]: [x, FLOATS], targets: [targets, INDICES], weight: [weight, FLOATS] });
  const { device, shape } = x;
  const at = shape.length === 1 ? 0 : 1;
  const C = shape[at];
  if (C === undefined || showShape(targets.shape) !== showShape(shape.toSpliced(at, 1))) {
    const fix = `give ${operand} (N,C,…) and targets (N,…), or ${operand} (C) and a target ()`;
    throw new ShapeError(name, showShapes({ [operand]: x, targets }), fix);
  }
  if (weight && showShape(weight.shape) !== showShape([C])) {
    const message = `weight ${showShape(weight.shape)} for ${C} classes`;
    throw new ShapeError(name, message, 'give a weight for each class');
  }
  const last = shape.length > 2 ? permute(x, [0, ...shape.map((_, i) => i).slice(2), 1]) : x;
  const M = targets.size;
  expectIndices(name, 'targets', targets, { size: C, ignored: ignoreIndex });
  const ids = Tensor.empty(device, [M], 'u32');
  const weights = Tensor.empty(device, [M]);
  const views = { targets: targets.view, classWeights: weight?.view, ids: ids.view, weights: weights.view };
  prepareTargets(device, views, { rows: M, classes: C, ignored: ignoreIndex });
  return { x: shape.length === 2 ? x : reshape(last, [M, C]), ids, weights };
}

/** Reduce losses (M) to one number, or reshape them like the targets. */
function reducedLoss(
  losses: Tensor,
  { weights }: Rows,
  { shape }: Tensor,
  { reduction = 'mean' }: LossOptions,
): Tensor {
  if (reduction === 'none') return reshape(losses, shape);
  return reduction === 'mean' ? div(sum(losses), sum(weights)) : sum(losses);
}

/**
 * −log softmax(logits)[target]·weight[target] for logits (N,C,…) and u32 or i32 targets (N,…), or (C) and (). The mean
 * divides by the sum of the weights of the targets that are not ignored: NaN if all are. A target must be a class or
 * `ignoreIndex`.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  expectOptions('crossEntropy', options, CROSS_ENTROPY_OPTIONS);
  const rows = rowsOf('crossEntropy', 'logits', logits, targets, options);
  const { x, ids, weights } = rows;
  const { labelSmoothing = 0, weight } = options;
  // The logp of an ignored row is 0, whatever its values, and 0 − 0 is +0.
  let losses = mul(sub(0, logSoftmaxGatherSome(x, ids).logp), weights);
  if (labelSmoothing > 0) {
    const logp = logSoftmax(x);
    const even = mean(weight ? mul(logp, weight.detach()) : logp, { axes: [1] });
    const spread = where(notEqual(ids, NO_CLASS), neg(even), 0);
    losses = add(mul(losses, 1 - labelSmoothing), mul(spread, labelSmoothing));
  }
  return reducedLoss(losses, rows, targets, options);
}

/**
 * −x[target]·weight[target] for log-probabilities x (N,C,…) and u32 or i32 targets (N,…), or (C) and (): `crossEntropy`
 * after a `logSoftmax` over axis 1. The mean and invalid targets are treated alike.
 */
export function nllLoss(x: Tensor, targets: Tensor, options: NllLossOptions = {}): Tensor {
  expectOptions('nllLoss', options, NLL_LOSS_OPTIONS);
  const rows = rowsOf('nllLoss', 'x', x, targets, options);
  const index = reshape(rows.ids, [rows.ids.size, 1]);
  const chosen = lookUp('nllLoss', rows.x, index, { axis: 1, shared: false, missing: 0 });
  const losses = mul(sub(0, reshape(chosen, [index.size])), rows.weights);
  return reducedLoss(losses, rows, targets, options);
}
