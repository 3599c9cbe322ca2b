/** Finds races: two invocations that touch one element, one of them to write, without a barrier in between. */

import type { Variable } from './program.ts';

/** A program that is no test: it races, takes too long, or meets barriers apart. */
export class UnfitProgram extends Error {}

/** Who touched an element since the last barrier. */
interface Touch {
  readonly by: number;
  readonly wrote: boolean;
  readonly shared: boolean;
}

/** Touches of elements, by variable and number. */
export class Touches {
  readonly #of = new Map<Variable, Map<number, Touch>>();

  /** Note an access of invocation `by`. @throws UnfitProgram if it races with an earlier one. */
  add(variable: Variable, item: number, by: number, wrote: boolean): void {
    const items = this.#of.get(variable) ?? new Map<number, Touch>();
    this.#of.set(variable, items);
    const before = items.get(item);
    const shared = before !== undefined && (before.by !== by || before.shared);
    if (shared && (wrote || before.wrote)) throw new UnfitProgram(`a race for ${variable.name}`);
    items.set(item, { by, wrote: wrote || (before?.wrote ?? false), shared });
  }

  /** Forget all: a barrier lies between what was and what comes. */
  clear(): void {
    this.#of.clear();
  }
}
