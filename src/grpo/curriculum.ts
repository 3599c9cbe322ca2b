/**
 * An adaptive curriculum: levels of difficulty are drawn in proportion to p·(1 − p), p being the running share of right
 * answers at a level, as that is the variance of a reward of 0 or 1, without which a group teaches nothing. A quarter of
 * the draws are uniform, so that no level is forgotten.
 */
import { MathformerError } from '../base/errors.ts';
import type { RandomStream } from '../base/randomStream.ts';

/** The share of the draws that are uniform over the levels. */
export const UNIFORM_SHARE = 0.25;
/** What a group counts after another one of its level: the last fifty make up most of the rate. */
const MEMORY = 0.98;

/** What is remembered of a level: attempts and right answers, the older the less they count. */
export interface LevelRecord {
  readonly attempts: number;
  readonly passes: number;
}

/** The records of the levels by name, as plain JSON. */
export type CurriculumState = Readonly<Record<string, LevelRecord>>;

/** Chooses levels by what became of the choices before. */
export class Curriculum {
  readonly levels: readonly string[];
  #records: LevelRecord[];

  constructor(levels: readonly string[]) {
    this.levels = levels;
    this.#records = levels.map(() => ({ attempts: 0, passes: 0 }));
  }

  /** The running share of right answers at each level, with one right and one wrong answer added: ½ at first. */
  passRates(): number[] {
    return this.#records.map(({ attempts, passes }) => (passes + 1) / (attempts + 2));
  }

  /** The probability of each level to be chosen. */
  probabilities(): number[] {
    const weights = this.passRates().map((p) => p * (1 - p));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => UNIFORM_SHARE / weights.length + ((1 - UNIFORM_SHARE) * weight) / total);
  }

  /** The index of a level. */
  choose(random: RandomStream): number {
    let left = random.nextUint32() / 2 ** 32;
    for (const [level, probability] of this.probabilities().entries()) {
      left -= probability;
      if (left < 0) return level;
    }
    return this.levels.length - 1;
  }

  /** Takes note of a group of completions of a problem of this level. */
  record(level: number, outcomes: readonly boolean[]): void {
    const { attempts = 0, passes = 0 } = this.#records[level] ?? {};
    this.#records[level] = {
      attempts: MEMORY * attempts + outcomes.length,
      passes: MEMORY * passes + outcomes.filter(Boolean).length,
    };
  }

  /** Pass rate and probability of every level, by its name. */
  metrics(): Record<string, number> {
    const [rates, probabilities] = [this.passRates(), this.probabilities()];
    return Object.fromEntries(
      this.levels.flatMap((name, level) => [
        [`curriculum/${name}/pass_rate`, rates[level] ?? Number.NaN],
        [`curriculum/${name}/probability`, probabilities[level] ?? Number.NaN],
      ]),
    );
  }

  /** All that later choices depend on. */
  state(): CurriculumState {
    return Object.fromEntries(
      this.levels.map((name, level) => [name, { ...(this.#records[level] as LevelRecord) }]),
    );
  }

  /** Goes on from a state. @throws MathformerError if it is of other levels. */
  restore(state: CurriculumState): void {
    // Objects put names that are integers first, so that the order of the keys says nothing.
    const records = this.levels.map((name) => (Object.hasOwn(state, name) ? state[name] : undefined));
    const known = records.filter((record) => record !== undefined);
    if (known.length < records.length || Object.keys(state).length > records.length) {
      throw new MathformerError(`the state is of the levels ${Object.keys(state).join(', ')}`, {
        code: 'BAD_STATE',
        where: 'curriculum',
        fix: `give one of ${this.levels.join(', ')}: that of the same task`,
      });
    }
    this.#records = known.map((each) => ({ ...each }));
  }
}
