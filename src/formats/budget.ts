/**
 * The memory a file may cost to read beside its own bytes: twice its length plus 100 MB, so that a small hostile file
 * cannot ask for a large amount of memory or (as work is counted too) time. What grows with the file is counted
 * before it is allocated; 36 MB of the 100 are kept for what is not, such as garbage and the list of parameters.
 */

import { CheckpointError } from './error.ts';

const ALLOWANCE = 64_000_000;

export class MemoryBudget {
  readonly limit: number;
  #used = 0;

  /** `fileBytes`: length of the file being read. */
  constructor(fileBytes: number) {
    this.limit = 2 * fileBytes + ALLOWANCE;
  }

  /** Counts `bytes` about to be allocated for `where`; throws `TOO_LARGE` when the file is used up. */
  charge(bytes: number, where: string): void {
    this.#used += bytes;
    if (this.#used <= this.limit) return;
    throw new CheckpointError(
      'TOO_LARGE',
      where,
      `reading it would take more than ${Math.round(this.limit / 2 ** 20)} MiB, far more than such a file holds`,
      'do not trust this file; save the checkpoint again from its source',
    );
  }
}

/**
 * Product of non-negative integers, or undefined if it passes 2^53−1, where numbers stop being exact. Zeros do not
 * hide that: sides such as [0, 2^53] would overflow in whatever multiplies some of them.
 */
export function checkedProduct(factors: readonly number[]): number | undefined {
  let product = 1;
  for (const factor of factors) {
    if (factor !== 0) product *= factor;
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return factors.includes(0) ? 0 : product;
}
