/**
 * Draws the next token of every sequence from its logits, and keeps the sequence's state.
 *
 * Sampling is by the Gumbel-max trick (argmax of log-probability plus Gumbel noise); the noise is a function of
 * (seed, sequence id, position, token), so a sequence does not depend on its batch. Filters apply in the order
 * temperature, top-k, top-p, min-p, each to the renormalised rest; ties go to the lower id. The log-probability written
 * is that of the distribution sampled from.
 */
import type { Device } from '../../gpu/device.ts';
import { type Family, launchChosen } from '../../gpu/variants.ts';
import { defaultsOf } from '../defaults.ts';
import { formOf, type SampleOptions, type SampleSize, type SampleViews } from './interface.ts';
import { sampleByRow } from './row.ts';
import { threadVariant } from './thread.ts';
import { vectorsVariant } from './vectors.ts';

export { encodeSettings, type SampleViews, type SamplingSettings, SETTINGS_BYTES } from './interface.ts';
export { IMPOSSIBLE, replaySamples } from './replay.ts';

/** The kernels that draw. */
export const sampleFamily: Family<SampleOptions> = {
  name: 'sample',
  shapeClass: (options) => {
    const { V, filtered } = formOf(options);
    return `V${V}${filtered ? ' filtered' : ''}`;
  },
  variants: [threadVariant, vectorsVariant, sampleByRow.row, sampleByRow.subgroup],
  portable: threadVariant.name,
  prefer: (device, options) =>
    sampleByRow.preferred(device, options) ??
    (defaultsOf(device).rows === 'vectors' ? vectorsVariant : threadVariant).name,
};

/** Draw the next token of every row. */
export function sampleTokens(device: Device, views: SampleViews, size: SampleSize): void {
  launchChosen(device, sampleFamily, { views, size });
}
