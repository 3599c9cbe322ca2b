/** Random choices of a generator of programs. */

import type { Random } from 'fast-check';

/** A choice with its weight. */
export type Weighted<T> = readonly [weight: number, choice: T];

export class Choices {
  constructor(private readonly random: Pick<Random, 'nextInt'>) {}

  /** Return an integer from `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return this.random.nextInt(least, most);
  }

  bool(probability = 0.5): boolean {
    return this.integer(0, 999) < 1000 * probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(0, from.length - 1)];
  }

  /** Choose by weights. Choices of weight 0 are never chosen. */
  weighted<T>(from: readonly Weighted<T>[]): T {
    let left = this.integer(
      1,
      from.reduce((sum, [weight]) => sum + weight, 0),
    );
    for (const [weight, choice] of from) {
      left -= weight;
      if (left <= 0) return choice;
    }
    return from[0][1];
  }

  /** Return `count` results of `make`. */
  list<T>(count: number, make: (i: number) => T): T[] {
    return Array.from({ length: count }, (_, i) => make(i));
  }
}
