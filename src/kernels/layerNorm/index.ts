/**
 * LayerNorm over the last dimension (Ba et al., 1607.06450), forward and backward, and RMSNorm (Zhang & Sennrich,
 * 1910.07467), which is the same with a mean of 0. x (R,d), d a multiple of 4.
 *
 * Backward:  dx = rstd·(g − mean(g) − x̂·mean(g·x̂)), g = dy·weight, plus the gradient that reaches x around the layer.
 * Gradients of weight and bias are summed over parts of rows, then added in a fixed order.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { gridOf, type Launch, launchOf } from '../../gpu/kernel.ts';
import { chosenVariant, type Family, launchChosen, launchPlan } from '../../gpu/variants.ts';
import { addParts, allocateParts, releaseParts } from '../addParts.ts';
import { defaultsOf } from '../defaults.ts';
import type { BackwardOptions, BackwardVariant, ForwardOptions, LayerNormViews } from './operands.ts';
import { backwardByRow, forwardByRow } from './row.ts';
import { backwardBySubgroup, forwardBySubgroup } from './subgroup.ts';
import { backwardByThread, forwardByThread, PART_ROWS, weightParts } from './thread.ts';

export type { LayerNormViews } from './operands.ts';
export { PART_ROWS } from './thread.ts';

/** Return the shape class: the norm, its width and the operands that it has. */
const classOf = ({ centred, d }: LayerNormViews, operands: Readonly<Record<string, unknown>>): string => {
  const present = Object.keys(operands).filter((name) => operands[name]);
  return [centred ? 'centred' : 'rms', `d${d}`, ...present].join(' ');
};

/** The kernels of the forward pass. */
export const layerNormForwardFamily: Family<ForwardOptions> = {
  name: 'layerNorm',
  shapeClass: (options) => classOf(options, { weight: options.weight, bias: options.bias }),
  variants: [forwardByThread, forwardBySubgroup, forwardByRow.row, forwardByRow.subgroup],
  portable: forwardByThread.name,
  prefer: (device, options) => forwardByRow.preferred(device, options) ?? forwardBySubgroup.name,
};

/** Those of the backward pass. */
export const layerNormBackwardFamily: Family<BackwardOptions, BackwardVariant> = {
  name: 'layerNorm backward',
  shapeClass: ({ weight, residual, dx, weights, ...options }) =>
    classOf(options, { weight, residual, dx, 'parts of weights': weights }),
  variants: [backwardByThread, backwardBySubgroup, backwardByRow.row, backwardByRow.subgroup],
  portable: backwardByThread.name,
  prefer: (device, options) => backwardByRow.preferred(device, options) ?? backwardBySubgroup.name,
};

/** A launch of the parts of the weights' gradients, for variants that do not sum them along with dx. */
function weightPartsLaunch(
  device: Device,
  { x, stats, dy, R, d }: BackwardOptions,
  parts: BufferView,
): Launch {
  // A software driver gains by small workgroups: few columns keep all its threads busy.
  const kernel = weightParts({ threads: defaultsOf(device).rows === 'row' ? 64 : 8 });
  const params = { R, dv: d / 4, parts: Math.ceil(R / PART_ROWS) };
  return launchOf(kernel, { x, stats, dy, parts }, { params, workgroups: gridOf(kernel, params) });
}

/** The kernels of the backward pass, each with all that computes dx and the parts: what the tuner compares. */
export const layerNormWholeBackwardFamily: typeof layerNormBackwardFamily = {
  ...layerNormBackwardFamily,
  variants: layerNormBackwardFamily.variants.map((variant) => ({
    ...variant,
    plan: (device, options) => {
      const launch = variant.plan(device, options);
      const { parts } = options;
      if (!parts || variant.partCount(device, options) > 0) return launch;
      return { ...launch, next: weightPartsLaunch(device, options, parts) };
    },
  })),
};

/** Return the number of parts of the gradients of weight and bias, and whether the variant sums them along with dx. */
function partsOf(device: Device, options: BackwardOptions) {
  // A choice is checked by a plan, for which any view will do.
  const variant = chosenVariant(device, layerNormBackwardFamily, { parts: options.x, ...options });
  const own = variant.partCount(device, options);
  return { variant, own: own > 0, count: own || Math.ceil(options.R / PART_ROWS) };
}

/** Return the bytes of these parts, if the gradient of x is computed too. */
export function layerNormPartBytes(device: Device, views: LayerNormViews): number {
  const { x } = views;
  return partsOf(device, { ...views, dy: x, dx: x, weights: true }).count * 2 * views.d * 4;
}

/** y (R,d) = (x − mean)/√(var + eps)·weight + bias; saves the statistics for backward. */
export function layerNormForward(device: Device, options: ForwardOptions): void {
  launchChosen(device, layerNormForwardFamily, options);
}

/** dx (R,d) = gradient through the layer, plus `residual` (R,d) if given; adds to `dWeight` and `dBias` (d). */
export function layerNormBackward(
  device: Device,
  views: Omit<BackwardOptions, 'weights' | 'parts'> & {
    readonly dWeight?: BufferView | undefined;
    readonly dBias?: BufferView | undefined;
  },
): void {
  const { dWeight, dBias, ...operands } = views;
  const { d, dx } = operands;
  const weights = dWeight !== undefined || dBias !== undefined;
  const { variant, own, count } = partsOf(device, { ...operands, weights });
  const parts = weights ? allocateParts(device, count * 2 * d * 4) : undefined;
  const options = { ...operands, weights, parts };
  if (dx || (parts && own)) launchPlan(device, variant.plan(device, options));
  if (!parts) return;
  if (!own) launchPlan(device, weightPartsLaunch(device, options, parts));
  const first = dWeight ?? device.allocate(d * 4);
  addParts(device, { parts, count, stride: 2 * d, first, size: d, second: dBias, secondSize: d });
  if (!dWeight) device.release(first);
  releaseParts(device, parts);
}
