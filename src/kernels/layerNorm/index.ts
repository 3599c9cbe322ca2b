/**
 * LayerNorm over the last dimension (Ba et al., 1607.06450), forward and backward, and RMSNorm (Zhang & Sennrich,
 * 1910.07467), which is the same with a mean of 0. x (R,d), d a multiple of 4.
 *
 * Backward:  dx = rstd·(g − mean(g) − x̂·mean(g·x̂)), g = dy·weight, plus the gradient that reaches x around the layer.
 * Gradients of weight and bias are summed over parts of rows, then added in a fixed order.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { addParts } from '../addParts.ts';
import { backwardBySubgroup, forwardBySubgroup, walkedRows } from './subgroup.ts';
import { backwardByThread, forwardByThread, PART_ROWS, weightParts } from './thread.ts';

/** vec4s of a row from which on a subgroup shares it. */
const SHARED = 16;
/** vec4s of a row that a lane can hold. */
const MOST_VECTORS = 16;

/** The lanes that share a row of `dv` vec4s, if any do. */
function sharingLanes({ subgroupSize: S }: Device, dv: number): number | undefined {
  return dv >= SHARED && S >= 4 && dv % S === 0 && dv / S <= MOST_VECTORS ? S : undefined;
}

export interface LayerNormViews {
  readonly x: BufferView;
  /** (d); 1 without it. */
  readonly weight?: BufferView | undefined;
  /** True to subtract the mean, as in LayerNorm; RMSNorm uses 0 instead. */
  readonly centred: boolean;
  /** Mean and reciprocal standard deviation of each row: (R,2). */
  readonly stats: BufferView;
  readonly R: number;
  readonly d: number;
}

/** y (R,d) = (x − mean)/√(var + eps)·weight + bias; saves the statistics for backward. */
export function layerNormForward(
  device: Device,
  views: LayerNormViews & {
    readonly bias?: BufferView | undefined;
    readonly y: BufferView;
    readonly eps: number;
  },
): void {
  const { R, d, eps, weight, bias, centred } = views;
  const form = { dv: d / 4, weight: weight !== undefined, bias: bias !== undefined, centred };
  const lanes = sharingLanes(device, form.dv);
  const kernel = lanes ? forwardBySubgroup({ ...form, lanes }) : forwardByThread(form);
  device.launch(kernel, views, { R, eps });
}

/** dx (R,d) = gradient through the layer, plus `residual` (R,d) if given; adds to `dWeight` and `dBias` (d). */
export function layerNormBackward(
  device: Device,
  views: LayerNormViews & {
    readonly dy: BufferView;
    readonly residual?: BufferView | undefined;
    readonly dx?: BufferView | undefined;
    readonly dWeight?: BufferView | undefined;
    readonly dBias?: BufferView | undefined;
  },
): void {
  const { x, stats, dy, R, d, weight, residual, centred, dx, dWeight, dBias } = views;
  const dv = d / 4;
  const form = { dv, weight: weight !== undefined, residual: residual !== undefined, centred };
  const weights = dWeight !== undefined || dBias !== undefined;
  const lanes = dx && weights ? sharingLanes(device, dv) : undefined;
  if (dx && !lanes) device.launch(backwardByThread(form), { ...views, dx }, { R });
  if (!weights) return;
  const count = Math.ceil(R / (lanes ? walkedRows(lanes) : PART_ROWS));
  const parts = device.allocate(count * 2 * d * 4);
  if (dx && lanes) device.launch(backwardBySubgroup({ ...form, lanes }), { ...views, dx, parts }, { R });
  else device.launch(weightParts, { x, stats, dy, parts }, { R, dv, parts: count });
  const first = dWeight ?? device.allocate(d * 4);
  addParts(device, { parts, count, stride: 2 * d, first, size: d, second: dBias, secondSize: d });
  if (!dWeight) device.release(first);
  device.release(parts);
}
