/**
 * Tolerances for rounding, one for each class of machines, learned from results that are known to be honest.
 *
 * A worker decodes with a cache and the trainer scores without one, so that their log-probabilities differ by rounding even on
 * machines of one class. How much depends on the model's size. A tolerance is `FACTOR` times the largest differences of
 * honest results lately, within bounds that no result can move.
 */
import type { CompletionAgreement, Tolerance } from './agreement.ts';

/** Bounds of a tolerance. `start` holds until the first honest result. */
interface Bounds {
  readonly least: Tolerance;
  readonly start: Tolerance;
  readonly highest: Tolerance;
}

/**
 * For machines of the trainer's class, whose failures are computed again before anybody is blamed: so the tolerance may start
 * low. Measured differences are in docs/LOG.md (2026-11-29, trust in workers).
 */
const OWN: Bounds = {
  least: { most: 2e-5, mean: 3e-6 },
  start: { most: 5e-5, mean: 6e-6 },
  highest: { most: 2e-1, mean: 5e-2 },
};

/** For machines of other classes, with other products, exponentials and logarithms. */
const FOREIGN: Bounds = {
  least: { most: 1e-4, mean: 1e-5 },
  start: { most: 2e-3, mean: 2e-4 },
  highest: { most: 2e-3, mean: 2e-4 },
};

/** The same where products may round their factors to half precision. */
const FOREIGN_HALF: Bounds = {
  least: FOREIGN.least,
  start: { most: 1e-1, mean: 2e-2 },
  highest: { most: 1e-1, mean: 2e-2 },
};

/** A tolerance, beside the largest honest differences. */
const FACTOR = 6;
/** Factor of the largest differences after another honest result: half is left after some 70. */
const DECAY = 0.99;

/** Tolerances by class. */
export class Tolerances {
  readonly #own: string;
  readonly #foreign: Bounds;
  readonly #honest = new Map<string, Tolerance>();

  /** @param own the trainer's class. @param precision of its products. */
  constructor(own: string, precision: 'highest' | 'medium') {
    this.#own = own;
    this.#foreign = precision === 'highest' ? FOREIGN : FOREIGN_HALF;
  }

  /** Return the tolerance for a class. */
  of(machine: string): Tolerance {
    const { least, start, highest } = machine === this.#own ? OWN : this.#foreign;
    const honest = this.#honest.get(machine);
    if (!honest) return start;
    return each((name) => Math.min(highest[name], Math.max(least[name], FACTOR * honest[name])));
  }

  /** Learn from completions that are known to be honest. @param scale see `roundingScale`. */
  learn(machine: string, agreements: readonly CompletionAgreement[], scale: number): void {
    const before = this.#honest.get(machine) ?? { most: 0, mean: 0 };
    const found: Tolerance = {
      most: Math.max(0, ...agreements.map((one) => Math.max(one.maxDifference, one.contradiction / 2))),
      mean: Math.max(0, ...agreements.map(({ meanDifference }) => meanDifference)),
    };
    this.#honest.set(
      machine,
      each((name) => Math.max(found[name] / scale, DECAY * before[name])),
    );
  }
}

const each = (value: (name: keyof Tolerance) => number): Tolerance => ({
  most: value('most'),
  mean: value('mean'),
});
