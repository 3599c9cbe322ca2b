/**
 * Softmax and its logarithm along one axis of a tensor seen as (outer, length, inner), forward and backward, without
 * moving data. The choice of a kernel depends only on the adapter and the shape, and so do the bits.
 */
import type { Device } from '../../gpu/device.ts';
import { type Family, launchChosen, nextPowerOfTwo, type Variant } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import type { RowVariants } from '../rowVariants.ts';
import {
  type BackwardOptions,
  type ForwardOptions,
  holdsVectors,
  isAlong,
  type SoftmaxSize,
} from './interface.ts';
import { backwardByRow, forwardByRow } from './row.ts';
import { backwardByValue, forwardByValue } from './values.ts';
import { backwardByVector, forwardByVector } from './vectors.ts';

export type { SoftmaxSize } from './interface.ts';

function familyOf<Options extends { readonly size: SoftmaxSize }>(
  name: string,
  values: Variant<Options>,
  vectors: Variant<Options>,
  shared: RowVariants<Options>,
): Family<Options> {
  return {
    name,
    shapeClass: ({ size }) => {
      const sizes = `${nextPowerOfTwo(size.outer * size.inner)} rows of ${nextPowerOfTwo(size.length)}`;
      return `${sizes}${isAlong(size) ? '' : ' side by side'}${holdsVectors(size) ? '' : ', no vec4s'}`;
    },
    variants: [values, vectors, shared.row, shared.subgroup],
    portable: values.name,
    prefer: (device, options) =>
      shared.preferred(device, options) ?? (defaultsOf(device).rows === 'vectors' ? vectors : values).name,
  };
}

/** The kernels of the forward pass. */
export const softmaxForwardFamily = familyOf('softmax', forwardByValue, forwardByVector, forwardByRow);
/** Those of the backward pass. */
export const softmaxBackwardFamily = familyOf(
  'softmax backward',
  backwardByValue,
  backwardByVector,
  backwardByRow,
);

/** y = exp(x)/Σ exp(x), or its logarithm. */
export function softmaxForward(device: Device, views: ForwardOptions['views'], size: SoftmaxSize): void {
  if (size.length > 0) launchChosen(device, softmaxForwardFamily, { views, size });
}

/** Compute dx from dy and the result y. */
export function softmaxBackward(device: Device, views: BackwardOptions['views'], size: SoftmaxSize): void {
  if (size.length > 0) launchChosen(device, softmaxBackwardFamily, { views, size });
}
