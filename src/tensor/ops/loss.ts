/** Losses as in `torch.nn.functional`: how far results are from targets, reduced to one number unless told. */
import { expectOptions, integer, type OptionKinds, oneOf, real } from '../../arguments.ts';
import { ShapeError } from '../../errors.ts';
import { prepareTargets } from '../../kernels/targets.ts';
import { expectOperands, FLOATS, INDICES } from '../operands.ts';
import { showShape, Tensor } from '../tensor.ts';
import { greater, where } from './comparison.ts';
import { add, div, mul, neg, square, sub } from './elementwise.ts';
import { logSoftmaxGather } from './logSoftmaxGather.ts';
import { mean, sum } from './reduce.ts';
import { logSoftmax } from './softmax.ts';

/** What all losses take. */
export interface LossOptions {
  /** What becomes of the losses of all values: their 'mean' unless told, their 'sum', or 'none' to keep them all. */
  readonly reduction?: 'mean' | 'sum' | 'none';
}

/** Which targets count, and how sharp they are. */
export interface CrossEntropyOptions extends LossOptions {
  /** Rows with this target are left out, of the mean too; −100 unless told. */
  readonly ignoreIndex?: number;
  /** The share of each target's probability that is spread evenly over all classes (Szegedy et al., 1512.00567). */
  readonly labelSmoothing?: number;
}

const REDUCTION = oneOf(['mean', 'sum', 'none']);
const LOSS_OPTIONS: OptionKinds<LossOptions> = { reduction: REDUCTION };
const CROSS_ENTROPY_OPTIONS: OptionKinds<CrossEntropyOptions> = {
  ...LOSS_OPTIONS,
  ignoreIndex: integer(-(2 ** 31), 2 ** 32 - 1),
  labelSmoothing: real({ min: 0, max: 1 }),
};

/** (prediction − target)²; both of one shape. */
export function mseLoss(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  expectOptions('mseLoss', options, LOSS_OPTIONS);
  expectOperands('mseLoss', { prediction: [prediction, FLOATS], target: [target, FLOATS] });
  const { reduction = 'mean' } = options;
  if (showShape(prediction.shape) !== showShape(target.shape)) {
    throw new ShapeError(
      'mseLoss',
      `prediction ${showShape(prediction.shape)}, target ${showShape(target.shape)}`,
      'give both the same shape',
    );
  }
  const losses = square(sub(prediction, target));
  if (reduction === 'none') return losses;
  return reduction === 'mean' ? mean(losses) : sum(losses);
}

/**
 * −log softmax(logits)[target] for logits (N,V) and u32 or i32 targets (N). The mean is over the rows that are not
 * ignored: NaN if none is left. A target that is neither a class nor `ignoreIndex` makes the loss NaN.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  expectOptions('crossEntropy', options, CROSS_ENTROPY_OPTIONS);
  expectOperands('crossEntropy', { logits: [logits, FLOATS], targets: [targets, INDICES] });
  const { reduction = 'mean', ignoreIndex = -100, labelSmoothing = 0 } = options;
  const [N, V] = logits.shape as [number, number];
  const { device } = logits;
  if (logits.shape.length !== 2 || targets.shape.length !== 1 || targets.size !== N) {
    throw new ShapeError(
      'crossEntropy',
      `logits ${showShape(logits.shape)}, targets ${showShape(targets.shape)}`,
      'give logits (N,V) and targets (N)',
    );
  }
  const ids = Tensor.empty(device, [N], 'u32');
  const weights = Tensor.empty(device, [N]);
  const views = { targets: targets.view, ids: ids.view, weights: weights.view };
  prepareTargets(device, views, { rows: N, classes: V, ignored: ignoreIndex });
  // An ignored row chooses nothing: its logp is 0, whatever it holds, and 0 − 0 has no sign.
  let losses = mul(sub(0, logSoftmaxGather(logits, ids).logp), weights);
  if (labelSmoothing > 0) {
    const spread = where(greater(weights, 0), neg(mean(logSoftmax(logits), { axes: [1] })), 0);
    losses = add(mul(losses, 1 - labelSmoothing), mul(spread, labelSmoothing));
  }
  if (reduction === 'none') return losses;
  return reduction === 'mean' ? div(sum(losses), sum(weights)) : sum(losses);
}
