/**
 * The log-probability of one chosen id per row and the entropy of the row, without storing the log-probabilities.
 * It serves cross-entropy and policy gradients alike.
 *
 *   z = logits·inverseTemperature, over the kept ids;  lse = log Σ exp z;  logp = z[id] − lse;  H = lse − Σ p·z
 *   dlogits[v] = inverseTemperature·(dlogp·(1[v = id] − p_v) − dH·p_v·(z_v − lse + H))
 *
 * `kept` restricts a row to a set of ids (top-k, top-p), one bit per id: ids left out have probability 0 and no
 * gradient. An id of V or more chooses nothing: logp is 0 and has no gradient. An id of probability 0 adds nothing to the
 * entropy, as p·log p goes to 0.
 */
import type { Device } from '../../gpu/device.ts';
import { launchChosen, nextPowerOfTwo } from '../../gpu/variants.ts';
import { rowFamily } from '../rowVariants.ts';
import type { BackwardOptions, ForwardOptions, LogSoftmaxGatherViews } from './interface.ts';
import { backwardByRow, forwardByRow } from './row.ts';
import { backwardByThread, forwardByThread } from './thread.ts';

export type { LogSoftmaxGatherViews } from './interface.ts';

const shapeClass = ({ R, V, kept }: LogSoftmaxGatherViews): string =>
  `${nextPowerOfTwo(R)} rows of ${V}${kept ? ' kept' : ''}`;

/** The kernels of the forward pass. */
export const logSoftmaxGatherFamily = rowFamily(
  'logSoftmaxGather',
  shapeClass,
  forwardByThread,
  forwardByRow,
);
/** Those of the backward pass. */
export const logSoftmaxGatherBackwardFamily = rowFamily(
  'logSoftmaxGather backward',
  shapeClass,
  backwardByThread,
  backwardByRow,
);

/** Compute log-probability, entropy and log-sum-exp of each row. */
export function logSoftmaxGatherForward(device: Device, options: ForwardOptions): void {
  launchChosen(device, logSoftmaxGatherFamily, options);
}

/** Compute the gradient of the logits. */
export function logSoftmaxGatherBackward(device: Device, options: BackwardOptions): void {
  launchChosen(device, logSoftmaxGatherBackwardFamily, options);
}
