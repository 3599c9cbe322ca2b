/**
 * Reductions over any axes, one row of a table each. The kept axes number the results, the reduced ones are walked in parts; where
 * there is more than one part, another pass takes in their totals. The order is fixed, so the bits are.
 */
import type { BufferView } from '../../gpu/buffers.ts';
import type { Device } from '../../gpu/device.ts';
import { chosenVariant, type Family, launchPlan, nextPowerOfTwo } from '../../gpu/variants.ts';
import {
  joinAxes,
  type ReduceOptions,
  type ReduceSettings,
  type ReduceVariant,
  type ReduceViews,
  sizeOf,
} from './interface.ts';
import { REDUCTIONS, type ReductionName } from './reductions.ts';
import { reduceByRow } from './row.ts';
import { reduceByThread } from './thread.ts';

export type { AxisGroup, Extreme, ReduceSettings, ReduceViews } from './interface.ts';
export { joinAxes } from './interface.ts';
export type { ReductionName } from './reductions.ts';

/** The kernels of one pass. */
export const reduceFamily: Family<ReduceOptions, ReduceVariant> = {
  name: 'reduce',
  shapeClass: ({ name, groups }) => {
    const { outputs, length } = sizeOf(groups);
    const beside = groups.at(-1)?.reduced === false ? ' side by side' : '';
    return `${name} ${nextPowerOfTwo(outputs)} of ${nextPowerOfTwo(length)}${beside}`;
  },
  variants: [reduceByThread, reduceByRow.row, reduceByRow.subgroup],
  portable: reduceByThread.name,
  prefer: (device, options) => reduceByRow.preferred(device, options) ?? reduceByThread.name,
};

/** y = the reduction of x over `axes` of `shape`. */
export function reduceAxes(
  device: Device,
  name: ReductionName,
  views: ReduceViews,
  shape: readonly number[],
  axes: readonly number[],
  settings: ReduceSettings = {},
): void {
  reduce(device, { name, reduction: REDUCTIONS[name], views, groups: joinAxes(shape, axes), settings });
}

/** Run passes until one part is left. */
export function reduce(device: Device, options: ReduceOptions): void {
  const { reduction, views, groups } = options;
  const { outputs } = sizeOf(groups);
  if (outputs === 0) return;
  const variant = chosenVariant(device, reduceFamily, options);
  const parts = variant.parts(device, options);
  if (parts === 1) {
    launchPlan(device, variant.plan(device, options));
    return;
  }
  const { total } = reduction;
  const words = total.startsWith('vec2') ? 2 : 1;
  const y = device.allocate(outputs * parts * words * 4);
  launchPlan(device, variant.plan(device, { ...options, views: { ...views, y } }));
  reduce(device, {
    ...options,
    reduction: { ...reduction, read: total, load: 'x' },
    views: { ...views, x: y },
    groups: variant.totals(options, parts),
  });
  device.release(y);
}

/** y = Σ x over `axes` of `shape`; y has the kept axes in order. An empty sum is 0. */
export function sumAxes(
  device: Device,
  x: BufferView,
  y: BufferView,
  shape: readonly number[],
  axes: readonly number[],
): void {
  reduceAxes(device, 'sum', { x, y }, shape, axes);
}
