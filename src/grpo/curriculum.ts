/**
 * An adaptive curriculum. Levels of difficulty are drawn in proportion to p·(1 − p), where p is the running share of right
 * answers at a level. That is the variance of a reward of 0 or 1: a group without variance teaches nothing. A quarter of
 * the draws are uniform, so that no level is forgotten.
 */
import { MathformerError } from '../base/errors.ts';
import type { RandomStream } from '../base/randomStream.ts';

/** Share of the draws that are uniform over the levels. */
export const UNIFORM_SHARE = 0.25;
/** Factor by which each new group of a level discounts the earlier ones: the last fifty make up most of the rate. */
const MEMORY = 0.98;

/** Discounted counts of a level: attempts and right answers. */
export interface LevelRecord {
  readonly attempts: number;
  readonly passes: number;
}

/** The records of all levels by name, as plain JSON. */
export type CurriculumState = Readonly<Record<string, LevelRecord>>;

/** Choose levels of difficulty by the pass rates so far. */
export class Curriculum {
  #records: LevelRecord[];

  constructor(readonly levels: readonly string[]) {
    this.#records = levels.map(() => ({ attempts: 0, passes: 0 }));
  }

  /** Return the running share of right answers at each level. One right and one wrong answer are added: ½ at first. */
  passRates(): number[] {
    return this.#records.map(({ attempts, passes }) => (passes + 1) / (attempts + 2));
  }

  /** Return the probability of each level. */
  probabilities(): number[] {
    const weights = this.passRates().map((p) => p * (1 - p));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => UNIFORM_SHARE / weights.length + ((1 - UNIFORM_SHARE) * weight) / total);
  }

  /** Draw a level and return its index. */
  choose(random: RandomStream): number {
    let left = random.nextUint32() / 2 ** 32;
    for (const [level, probability] of this.probabilities().entries()) {
      left -= probability;
      if (left < 0) return level;
    }
    return this.levels.length - 1;
  }

  /** Record the outcomes of a group of completions for a problem of this level. */
  record(level: number, outcomes: readonly boolean[]): void {
    const { attempts = 0, passes = 0 } = this.#records[level] ?? {};
    this.#records[level] = {
      attempts: MEMORY * attempts + outcomes.length,
      passes: MEMORY * passes + outcomes.filter(Boolean).length,
    };
  }

  /** Return the pass rate and the probability of every level as metrics. */
  metrics(): Record<string, number> {
    const [rates, probabilities] = [this.passRates(), this.probabilities()];
    return Object.fromEntries(
      this.levels.flatMap((name, level) => [
        [`curriculum/${name}/pass_rate`, rates[level] ?? Number.NaN],
        [`curriculum/${name}/probability`, probabilities[level] ?? Number.NaN],
      ]),
    );
  }

  /** Return the state on which later choices depend. */
  state(): CurriculumState {
    return Object.fromEntries(
      this.levels.map((name, level) => [name, { ...(this.#records[level] as LevelRecord) }]),
    );
  }

  /** Resume from a state. @throws MathformerError if its levels differ. */
  restore(state: CurriculumState): void {
    // Keys are matched by name, not by order: objects list integer names first.
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
