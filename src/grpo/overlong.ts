/** What a long completion loses: the soft overlong punishment of DAPO (Yu et al., 2503.14476, eq. 13). */

/** Where the penalty begins and what it comes to. */
export interface OverlongOptions {
  /** Most tokens of a completion. */
  readonly maxLength: number;
  /** Tokens before that in which the penalty rises; 0 for no penalty. */
  readonly buffer: number;
  /** The penalty at `maxLength`. */
  readonly factor: number;
}

/** min(−(length − (maxLength − buffer))/buffer·factor, 0), to be added to the reward. */
export function overlongPenalty(length: number, { maxLength, buffer, factor }: OverlongOptions): number {
  const over = length - (maxLength - buffer);
  return buffer === 0 || over <= 0 ? 0 : -(over / buffer) * factor;
}
