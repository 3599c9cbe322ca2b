/** Log-probabilities of chosen ids and entropies, for cross-entropy and policy gradients. */
import { ShapeError } from '../../errors.ts';
import { logSoftmaxGatherBackward, logSoftmaxGatherForward } from '../../kernels/logSoftmaxGather.ts';
import { differentiable, orZeros } from '../autograd.ts';
import { showShape, Tensor } from '../tensor.ts';

/** The distribution that the log-probabilities are of. */
export interface LogSoftmaxGatherOptions {
  /** Logits are divided by this first; positive. */
  readonly temperature?: number;
  /** u32 (R, ⌈V/32⌉): the ids a row is restricted to, bit v for id v; each must include the row's chosen id. */
  readonly kept?: Tensor | undefined;
}

const isIndex = ({ dtype }: Tensor): boolean => dtype === 'u32' || dtype === 'i32';

/**
 * For logits (R,V) and u32 or i32 ids (R): log p(id) and the entropy of p in nats, each (R), both differentiable.
 * An id outside of the vocabulary chooses nothing: 0, without a gradient.
 */
export function logSoftmaxGather(
  logits: Tensor,
  ids: Tensor,
  options: LogSoftmaxGatherOptions = {},
): { readonly logp: Tensor; readonly entropy: Tensor } {
  const [R, V] = logits.shape as [number, number];
  const { kept, temperature = 1 } = options;
  if (logits.shape.length !== 2 || ids.size !== R || !isIndex(ids)) {
    throw new ShapeError(
      'logSoftmaxGather',
      `logits ${showShape(logits.shape)}, ids ${showShape(ids.shape)} ${ids.dtype}`,
      'give logits (R,V) and u32 or i32 ids (R)',
    );
  }
  if (!(temperature > 0)) {
    const fix = 'use a positive temperature; towards 0 it becomes the argmax';
    throw new ShapeError('logSoftmaxGather', `the temperature is ${temperature}`, fix);
  }
  if (kept && kept.size !== R * Math.ceil(V / 32)) {
    throw new ShapeError(
      'logSoftmaxGather',
      `kept ${showShape(kept.shape)}`,
      `give ${Math.ceil(V / 32)} words per row`,
    );
  }
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
  differentiable('logSoftmaxGather', [logits], [logp, entropy], ([dLogp, dEntropy]) => {
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
