/**
 * Attention of one new token per sequence over its key-value cache.
 *
 * A cache holds, for every slot and key-value head, `capacity` rows of headDim values. The workgroup of (row, query head)
 * first appends the new key and value at the sequence's position, then attends to everything up to it. Rows without a
 * sequence, or whose sequence is finished, take almost no time.
 */
import type { Device } from '../../gpu/device.ts';
import { type Family, launchChosen, type Variant } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import { heldByLane, lanesPlan, subgroupVariant } from './lanes.ts';
import { singleVariant } from './single.ts';
import { splitVariant } from './split.ts';
import type { DecodeOptions, DecodeShape, DecodeViews } from './state.ts';
import { widePlan } from './wide.ts';

export { fillCache } from './fillCache.ts';
export { newestTokens } from './newestTokens.ts';
export type { DecodeShape, DecodeViews } from './state.ts';

/** Runs on every adapter: lanes hold heads where they can. */
const portableVariant: Variant<DecodeOptions> = {
  name: 'portable',
  fits: () => true,
  plan: (device, options) => (heldByLane(options) ? lanesPlan : widePlan)(device, options),
};

/** The kernels of decode attention. */
export const decodeFamily: Family<DecodeOptions> = {
  name: 'decode attention',
  shapeClass: ({ shape: { heads, kvHeads = heads, headDim }, views: { slopes } }) => {
    const shared = kvHeads === heads ? '' : `/${kvHeads}`;
    return `${heads}${shared}×${headDim}${slopes ? '' : ' no slopes'}`;
  },
  variants: [portableVariant, subgroupVariant, splitVariant, singleVariant],
  portable: portableVariant.name,
  prefer: (device, options) => {
    const { decode } = defaultsOf(device);
    return decode === 'subgroup' && !subgroupVariant.fits(device, options) ? 'portable' : decode;
  },
};

/** Append the new keys and values to the caches, and attend to all up to them. */
export function decodeAttention(device: Device, shape: DecodeShape, views: DecodeViews): void {
  launchChosen(device, decodeFamily, { shape, views });
}
