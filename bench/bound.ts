/**
 * The measure of all work, the same on any adapter: its bound is the least time that the adapter's own best multiply-adds,
 * copies and empty dispatches allow, max(FLOPs / P, bytes / W) + dispatches · t0, and η = bound / time.
 */

/** What an adapter can do at best. */
export interface Ceilings {
  /** FLOP/s */
  readonly P: number;
  /** bytes/s, read and written */
  readonly W: number;
  /** Seconds per empty dispatch. */
  readonly t0: number;
}

export interface Work {
  readonly flops: number;
  /** Bytes that must be read and written at least once. */
  readonly bytes: number;
  readonly dispatches: number;
}

/** Seconds that the work takes at least. */
export const bound = ({ flops, bytes, dispatches }: Work, { P, W, t0 }: Ceilings): number =>
  Math.max(flops / P, bytes / W) + dispatches * t0;
