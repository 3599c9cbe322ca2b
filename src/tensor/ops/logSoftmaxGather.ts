/** Log-probabilities of chosen ids and entropies, for cross-entropy and policy gradients. */
import { expectOptions, instanceOf, type OptionKinds, real } from '../../base/arguments.ts';
import { ShapeError } from '../../base/errors.ts';
import { logSoftmaxGatherBackward, logSoftmaxGatherForward } from '../../kernels/logSoftmaxGather/index.ts';
import { differentiableParts, orZeros } from '../autograd.ts';
import { expectIndices } from '../indices.ts';
import { expectOperands, FLOATS, INDICES } from '../operands.ts';
import { showShape, showShapes, Tensor } from '../tensor.ts';

/** Options of the distribution. */
export interface LogSoftmaxGatherOptions {
  /** Positive divisor of the logits. Default: 1. */
  readonly temperature?: number;
  /** u32 (R, ⌈V/32⌉): the ids that a row may choose from, bit v for id v. They must include the row's chosen id. */
  readonly kept?: Tensor | undefined;
}

/** Smallest temperature. Below it, the inverse is infinite in f32: the distribution is that of the argmax. */
const LEAST_TEMPERATURE = 2 ** -126;

const OPTIONS: OptionKinds<LogSoftmaxGatherOptions> = {
  temperature: real({ min: LEAST_TEMPERATURE }),
  kept: instanceOf(Tensor),
};

/**
 * Return log p(id) and the entropy of p in nats, each (R), for logits (R,V) and u32 or i32 ids (R). Both are differentiable.
 */
export function logSoftmaxGather(
  logits: Tensor,
  ids: Tensor,
  options: LogSoftmaxGatherOptions = {},
): { readonly logp: Tensor; readonly entropy: Tensor } {
  return gathered(logits, ids, options, 'every id exists');
}

/** Return the same, but 0 without a gradient for an id outside of the vocabulary. */
export const logSoftmaxGatherSome = (logits: Tensor, ids: Tensor, options: LogSoftmaxGatherOptions = {}) =>
  gathered(logits, ids, options, 'some are none');

function gathered(
  logits: Tensor,
  ids: Tensor,
  options: LogSoftmaxGatherOptions,
  promise: 'every id exists' | 'some are none',
): { readonly logp: Tensor; readonly entropy: Tensor } {
  expectOptions('logSoftmaxGather', options, OPTIONS);
  const { kept, temperature = 1 } = options;
  expectOperands('logSoftmaxGather', {
    logits: [logits, FLOATS],
    ids: [ids, INDICES],
    kept: [kept, ['u32']],
  });
  const [R, V] = logits.shape as [number, number];
  if (logits.shape.length !== 2 || ids.size !== R) {
    throw new ShapeError(
      'logSoftmaxGather',
      `logits ${showShape(logits.shape)}, ids ${showShape(ids.shape)} ${ids.dtype}`,
      'give logits (R,V) and u32 or i32 ids (R)',
    );
  }
  if (kept && kept.size !== R * Math.ceil(V / 32)) {
    const fix = `give ${Math.ceil(V / 32)} words per row`;
    throw new ShapeError('logSoftmaxGather', showShapes({ kept }), fix);
  }
  if (promise === 'every id exists') expectIndices('logSoftmaxGather', 'ids', ids, { size: V });
  const { device } = logits;
  const logp = Tensor.empty(device, [R]);
  const entropy = Tensor.empty(device, [R]);
  const lse = Tensor.empty(device, [R]);
  const views = {
    logits: logits.view,
    ids: ids.view,
    kept: kept?.view,
    entropy: entropy.view,
    lse: lse.view,
    R,
    V,
    inverseTemperature: 1 / temperature,
  };
  logSoftmaxGatherForward(device, { ...views, logp: logp.view });
  differentiableParts('logSoftmaxGather', [logits], [logp, entropy], ([dLogp, dEntropy]) => {
    const dLogits = Tensor.empty(device, logits.shape);
    logSoftmaxGatherBackward(device, {
      ...views,
      dLogp: orZeros(dLogp, logp).view,
      dEntropy: orZeros(dEntropy, entropy).view,
      dLogits: dLogits.view,
    });
    return [dLogits];
  });
  return { logp, entropy };
}
