/**
 * The memory budget of reading a file, besides its own bytes: twice its length plus 100 MB. So a small hostile file cannot
 * take much memory or (as work counts too) time. Memory that grows with the file is charged before it is allocated; 36 of
 * the 100 MB are reserved for the rest, such as garbage and the list of parameters.
 */

import { CheckpointError } from './error.ts';

const ALLOWANCE = 64_000_000;

export class MemoryBudget {
  readonly limit: number;
  #used = 0;

  /** @param fileBytes length of the file. */
  constructor(fileBytes: number) {
    this.limit = 2 * fileBytes + ALLOWANCE;
  }

  /** Charge `bytes` before they are allocated for `where`. @throws CheckpointError `TOO_LARGE` if the budget is used up. */
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
 * Return the product of non-negative integers; undefined if it exceeds 2^53−1, where numbers are no longer exact. A zero does
 * not hide that: sizes such as [0, 2^53] would overflow in code that multiplies only some of them.
 */
export function checkedProduct(factors: readonly number[]): number | undefined {
  let product = 1;
  for (const factor of factors) {
    if (factor !== 0) product *= factor;
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return factors.includes(0) ? 0 : product;
}
