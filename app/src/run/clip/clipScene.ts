/** The geometry of the picture of clipping: where the plot, its axes and its histograms are, in CSS px. */
import type { Extent } from './clipPoints.ts';

/** A rectangle. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Scene {
  readonly plot: Box;
  /** Histograms of the log-ratios, above the plot, and of the advantages, at its right. */
  readonly above: Box;
  readonly right: Box;
  readonly extent: Extent;
}

const MARGINS = { left: 52, bottom: 44, gap: 8 };
const HISTOGRAM = 52;

/** Lay out the picture. */
export function sceneOf(width: number, height: number, extent: Extent): Scene {
  const { left, bottom, gap } = MARGINS;
  const plot = {
    left,
    top: HISTOGRAM + gap,
    width: Math.max(1, width - left - HISTOGRAM - gap),
    height: Math.max(1, height - HISTOGRAM - gap - bottom),
  };
  return {
    plot,
    above: { left, top: 0, width: plot.width, height: HISTOGRAM },
    right: { left: left + plot.width + gap, top: plot.top, width: HISTOGRAM, height: plot.height },
    extent,
  };
}

/** Return the place of a log-ratio; of one beyond the extent, that of its end. */
export function xOf({ plot, extent }: Scene, logRatio: number): number {
  const share = (Math.min(extent.x, Math.max(-extent.x, logRatio)) + extent.x) / (2 * extent.x);
  return plot.left + share * plot.width;
}

/** Return the place of an advantage. */
export function yOf({ plot, extent }: Scene, advantage: number): number {
  const share = (Math.min(extent.y, Math.max(-extent.y, advantage)) + extent.y) / (2 * extent.y);
  return plot.top + (1 - share) * plot.height;
}

/** Return the log-ratio and the advantage at a place. */
export function valuesAt(
  { plot, extent }: Scene,
  x: number,
  y: number,
): { readonly logRatio: number; readonly advantage: number } {
  return {
    logRatio: (2 * ((x - plot.left) / plot.width) - 1) * extent.x,
    advantage: (1 - 2 * ((y - plot.top) / plot.height)) * extent.y,
  };
}

/** Return round values from −most to most, 0 among them, at least one and at most `count` on each side. */
export function ticksTo(most: number, count: number): number[] {
  const raw = most / count;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const steps = [1, 2, 5, 10].map((factor) => factor * unit);
  // From 2 to 5 is a long way: the step above may be beyond the end.
  const step =
    steps.find((each) => each >= raw && each <= most) ?? steps.findLast((each) => each <= most) ?? most;
  const side = Math.floor(most / step + 1e-9);
  return Array.from({ length: 2 * side + 1 }, (_, i) => Number(((i - side) * step).toPrecision(12)));
}
