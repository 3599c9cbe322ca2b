/**
 * The efficiency η of work, comparable between adapters: η = bound / time. The bound is the least time that the adapter
 * allows, max(FLOPs / P, bytes / W) + dispatches · t0. P, W and t0 are measured on the adapter: its fastest multiply-adds,
 * copies and empty dispatches.
 */

/** The measured limits of an adapter. */
export interface Ceilings {
  /** FLOP/s. */
  readonly P: number;
  /** Bytes/s, reads plus writes. */
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

/** Return the least time that the work can take, in seconds. */
export const bound = ({ flops, bytes, dispatches }: Work, { P, W, t0 }: Ceilings): number =>
  Math.max(flops / P, bytes / W) + dispatches * t0;
