/** The kernels for GPUs as variants of the families, and the choice between them by what they cost, counted. */
import type { Device } from '../../gpu/device.ts';
import type { Kernel } from '../../gpu/kernel.ts';
import type { Variant } from '../../gpu/variants.ts';
import { defaultsOf, type Room } from '../defaults.ts';
import { ATTENTION_TILE_ROWS, type AttentionOptions, type AttentionShape, planOf } from './shape.ts';
import {
  DEALS,
  type Deal,
  heldOf,
  layoutOf,
  PASSES,
  type Pass,
  paddedOf,
  rowsOf,
  type StagedLayout,
  scoresOf,
  stagedFits,
  stagedHeads,
  threadsOf,
} from './staged.ts';
import { stagedKeyValueKernel, stagedQueryKernel } from './stagedBackward.ts';
import { stagedForwardKernel } from './stagedForward.ts';
import { launchedHeads } from './stagedWgsl.ts';

const KERNELS = {
  forward: stagedForwardKernel,
  query: stagedQueryKernel,
  keyValue: stagedKeyValueKernel,
} as const satisfies Record<keyof typeof PASSES, (layout: StagedLayout) => Kernel>;

/** The name of a pass. */
export type PassName = keyof typeof PASSES;

const nameOf = ({ own, held }: Deal): string => `staged ${own}×${held}`;

/** Return the variants of a pass: on adapters whose workgroup memory is faster than storage. */
export const stagedVariants = (pass: PassName): Variant<AttentionOptions>[] =>
  DEALS.map((deal) => ({
    name: nameOf(deal),
    fits: (device, { shape }) =>
      defaultsOf(device).attention === 'staged' && stagedFits(device, deal, PASSES[pass], shape),
    plan: (_, options) => {
      const layout = layoutOf(deal, PASSES[pass], options.shape);
      // With more rows than a tile, the workgroups of the other tiles return at once.
      const launched = Math.min(ATTENTION_TILE_ROWS, rowsOf(layout));
      return planOf(
        KERNELS[pass](layout),
        launched,
        launchedHeads(layout, PASSES[pass].side, options.shape),
        options,
      );
    },
  }));

/** The costs of a kernel. */
export interface Counts {
  /** f32 of a thread: the state of its rows, and the row of a block that it reads. */
  readonly registers: number;
  /** Operations of one pair of rows for each vec4 of workgroup memory that is read or written for it. */
  readonly flopsPerLoad: number;
  /** Workgroups of a launch, those that return at once left out. */
  readonly workgroups: number;
}

/** Loads that take as long as a barrier, roughly. */
const BARRIER = 8;

/** Count the costs of a kernel for a block. */
export function countsOf(
  layout: StagedLayout,
  pass: Pass,
  { R, heads, kvHeads }: Pick<AttentionShape, 'R' | 'heads' | 'kvHeads'>,
): Counts {
  const { own, block, lanes, vectors } = layout;
  const held = heldOf(layout);
  const split = lanes > 1;
  const backward = pass.sums > 1;
  const state = 4 * own * held * pass.state + (pass.scores ? own * (split ? 4 : scoresOf(layout)) : 0);
  const quads = (own * block) / 4;
  // The parts of sums are written, read once and given back; what was read for them is read again.
  const kept = pass.side === 'key value' ? 2 : 1;
  const again = backward ? kept * block * held : 0;
  const shares = split ? 2 * pass.sums * quads + kept * quads * (1 + 1 / lanes) + again : 0;
  const filled = (2 * 2 * block * stagedHeads(layout) * paddedOf(layout)) / threadsOf(layout);
  const scalars = pass.side === 'key value' ? (2 * block) / (split ? lanes : 1) : 0;
  const loads = 2 * block * held + shares + filled + scalars + BARRIER * (split ? 4 : 2);
  const flops = (2 * own * block * 4 * pass.products * vectors) / lanes;
  return {
    registers: state + 4 * held * (backward ? 2 : 1),
    flopsPerLoad: flops / loads,
    workgroups: Math.ceil(R / rowsOf(layout)) * launchedHeads(layout, pass.side, { heads, kvHeads }),
  };
}

/**
 * Return the deal with the most operations for a load whose registers the adapter has, and with fewer rows of a thread if there would be too
 * few workgroups: that alone does not change the order of sums. Undefined if none fits.
 */
export function preferredDeal(
  device: Device,
  pass: PassName,
  shape: AttentionShape,
  { registers, workgroups }: Room,
): Deal | undefined {
  const counted = DEALS.filter((deal) => stagedFits(device, deal, PASSES[pass], shape)).map((deal) => ({
    deal,
    ...countsOf(layoutOf(deal, PASSES[pass], shape), PASSES[pass], shape),
  }));
  const least = Math.min(...counted.map((each) => each.registers));
  const [best] = counted
    .filter((each) => each.registers <= Math.max(registers, least))
    .sort((a, b) => b.flopsPerLoad - a.flopsPerLoad);
  if (!best) return undefined;
  const [first = best, ...others] = counted
    .filter(({ deal }) => deal.held === best.deal.held && deal.own <= best.deal.own)
    .sort((a, b) => b.deal.own - a.deal.own);
  const enough = [first, ...others].find((each) => each.workgroups >= workgroups);
  return (enough ?? others.at(-1) ?? first).deal;
}

/** Return the name of the variant for an untuned adapter. */
export function preferredStaged(
  device: Device,
  pass: PassName,
  { shape }: AttentionOptions,
): string | undefined {
  const deal = preferredDeal(device, pass, shape, defaultsOf(device).room);
  return deal && nameOf(deal);
}
