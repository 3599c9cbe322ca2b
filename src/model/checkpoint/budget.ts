/**
 * The memory a file may cost to read: twice its length plus 100 MB, everything counted before it is allocated, so
 * that a small hostile file cannot ask for a large amount of memory or (as work is counted too) time.
 */

import { CheckpointError } from './error.ts';

const ALLOWANCE = 100 * 1024 * 1024;

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

/** Product of non-negative integers, or undefined once it passes 2^53−1, where numbers stop being exact. */
export function checkedProduct(factors: readonly number[]): number | undefined {
  if (factors.includes(0)) return 0;
  let product = 1;
  for (const factor of factors) {
    product *= factor;
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return product;
}
