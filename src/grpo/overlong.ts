/** The soft penalty on overlong completions of DAPO (Yu et al., 2503.14476, eq. 13). */

/** Start and size of the penalty. */
export interface OverlongOptions {
  /** Maximum number of tokens of a completion. */
  readonly maxLength: number;
  /** Number of tokens before `maxLength` over which the penalty rises; 0 for no penalty. */
  readonly buffer: number;
  /** Penalty at `maxLength`. */
  readonly factor: number;
}

/** Return min(−(length − (maxLength − buffer))/buffer·factor, 0). It is added to the reward. */
export function overlongPenalty(length: number, { maxLength, buffer, factor }: OverlongOptions): number {
  const over = length - (maxLength - buffer);
  return buffer === 0 || over <= 0 ? 0 : -(over / buffer) * factor;
}
