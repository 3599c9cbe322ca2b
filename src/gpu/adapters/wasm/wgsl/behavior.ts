/** Ways in which statements end (WGSL section 9.7, behavior analysis). */

/** The ways in which a statement may end. */
export interface Behavior {
  readonly next: boolean;
  readonly break: boolean;
  readonly continue: boolean;
  readonly return: boolean;
}

export const NOTHING: Behavior = { next: false, break: false, continue: false, return: false };
export const NEXT: Behavior = { ...NOTHING, next: true };

/** Return what may happen after one statement or another. */
export const either = (a: Behavior, b: Behavior): Behavior => ({
  next: a.next || b.next,
  break: a.break || b.break,
  continue: a.continue || b.continue,
  return: a.return || b.return,
});
