/** The tokens of a traced step as points, log-ratio × advantage, and the share of them that the loss clips. */
import { clippedSide } from 'mathformer/grpo';
import type { StepTrace } from 'mathformer/training';
import { isSequenceLoss, logRatiosOf } from '../completions/tokenMeasures.ts';

/** A token, or for a loss with one ratio per sequence a completion. */
export interface ClipPoint {
  /** log r, to the policy around which the step clips. */
  readonly logRatio: number;
  readonly advantage: number;
  readonly side: 'low' | 'high' | null;
  /** Positions in the trace; `token` is −1 for a whole completion. */
  readonly group: number;
  readonly completion: number;
  readonly token: number;
}

/** The points of a step. Completions that the step did not learn from are left out. */
export function clipPoints(trace: StepTrace): ClipPoint[] {
  const isSequence = isSequenceLoss(trace.loss);
  return trace.groups.flatMap(({ completions }, group) =>
    completions.flatMap((traced, completion) => {
      const { advantage } = traced;
      const differences = [...logRatiosOf(traced)];
      if (!Number.isFinite(advantage) || !differences.every(Number.isFinite)) return [];
      const logRatios = isSequence ? [meanOf(differences)] : differences;
      return logRatios.flatMap((logRatio, t) => {
        if (!Number.isFinite(logRatio)) return [];
        const side = clippedSide(Math.exp(logRatio), advantage, trace);
        return [{ logRatio, advantage, side, group, completion, token: isSequence ? -1 : t }];
      });
    }),
  );
}

/** Shares of points that are clipped, as the metrics `clip_ratio/low_mean` and `clip_ratio/high_mean` define them; NaN of none. */
export function clippedShares(points: readonly ClipPoint[]): { readonly low: number; readonly high: number } {
  const share = (wanted: 'low' | 'high'): number =>
    points.filter(({ side }) => side === wanted).length / points.length;
  return { low: share('low'), high: share('high') };
}

/** An area of the picture that the loss clips: log-ratios from `from` to `to`, and advantages on one side of 0. */
export interface ClippedRegion {
  readonly side: 'low' | 'high' | 'dual';
  readonly from: number;
  readonly to: number;
  readonly advantages: 'negative' | 'positive';
  /** The border, as the options name it. */
  readonly label: string;
}

/** Return the clipped areas of a loss. @param dualClip c of the dual clip; 0 without one. */
export function clippedRegions(
  { clipRatio, clipRatioHigh }: Pick<StepTrace, 'clipRatio' | 'clipRatioHigh'>,
  dualClip: number,
): ClippedRegion[] {
  const regions: ClippedRegion[] = [
    {
      side: 'high',
      from: Math.log1p(clipRatioHigh),
      to: Number.POSITIVE_INFINITY,
      advantages: 'positive',
      label: `1 + ${clipRatioHigh}`,
    },
  ];
  // 1 − ε_low ≤ 0 is no border: no ratio is below it.
  if (clipRatio < 1) {
    regions.push({
      side: 'low',
      from: Number.NEGATIVE_INFINITY,
      to: Math.log1p(-clipRatio),
      advantages: 'negative',
      label: `1 − ${clipRatio}`,
    });
  }
  if (dualClip > 1) {
    regions.push({
      side: 'dual',
      from: Math.log(dualClip),
      to: Number.POSITIVE_INFINITY,
      advantages: 'negative',
      label: `dual clip ${dualClip}`,
    });
  }
  return regions;
}

/** The part of the plane that is shown. */
export interface Extent {
  /** Log-ratios from −x to x, and advantages from −y to y. */
  readonly x: number;
  readonly y: number;
}

/** Show all points, both borders, and some room around them; 0 stays in the middle. */
export function extentOf(points: readonly ClipPoint[], regions: readonly ClippedRegion[]): Extent {
  let [x, y] = [0, 0];
  for (const { logRatio, advantage } of points) {
    x = Math.max(x, Math.abs(logRatio));
    y = Math.max(y, Math.abs(advantage));
  }
  for (const { from, to } of regions) {
    for (const border of [from, to]) if (Number.isFinite(border)) x = Math.max(x, Math.abs(border));
  }
  return { x: 1.15 * (x || 1), y: 1.15 * (y || 1) };
}

/** Counts of values in bins of equal width from −most to most; values beyond are in the last ones. */
export function histogram(values: readonly number[], most: number, bins: number): Uint32Array {
  const counts = new Uint32Array(bins);
  for (const value of values) {
    const bin = Math.floor((bins * (value + most)) / (2 * most));
    const at = Math.min(bins - 1, Math.max(0, bin));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

/** The point that is nearest to a place, distances measured in shares of the extent; undefined without points. */
export function nearestPoint(
  points: readonly ClipPoint[],
  place: Pick<ClipPoint, 'logRatio' | 'advantage'>,
  { x, y }: Extent,
): ClipPoint | undefined {
  let best: ClipPoint | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const point of points) {
    const distance = Math.hypot(
      (point.logRatio - place.logRatio) / x,
      (point.advantage - place.advantage) / y,
    );
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
