/**
 * A counter-based random generator (Philox 4×32-10). Every drawing op uses one offset. Value i of the result depends only on
 * (seed, offset, i), so seed and offset are the whole state.
 */
import { MathformerError } from '../base/errors.ts';
import { INSPECT } from '../base/inspection.ts';
import type { Device } from '../gpu/device.ts';
import type { Draw } from '../kernels/random.ts';

/** The whole state of a generator. Saved as JSON in a checkpoint, it resumes a run with the same numbers. */
export interface GeneratorState {
  readonly seed: number;
  /** Number of draws so far. */
  readonly offset: number;
}

const TWO_32 = 2 ** 32;

/** A stream of random numbers, determined by a seed and the number of draws. */
export class Generator {
  #seed: number;
  #offset = 0;

  /** @param seed an integer from 0 to 2⁵³ − 1. */
  constructor(seed: number) {
    this.#seed = expectInteger('seed', seed, Number.MAX_SAFE_INTEGER);
  }

  /** Return the seed and the number of draws in one line. */
  toString(): string {
    return `Generator of seed ${this.#seed} after ${this.#offset} draws`;
  }

  /** Return the value for `JSON.stringify`. */
  toJSON(): GeneratorState {
    return this.state();
  }

  /** Return the text for `console.log` in Node. */
  [INSPECT](): string {
    return this.toString();
  }

  /** Return the state for `restore`. */
  state(): GeneratorState {
    return { seed: this.#seed, offset: this.#offset };
  }

  /** Resume from a state. */
  restore({ seed, offset }: GeneratorState): void {
    const next = expectInteger('offset', offset, TWO_32 - 1);
    this.#seed = expectInteger('seed', seed, Number.MAX_SAFE_INTEGER);
    this.#offset = next;
  }

  /** Return the state for the next draw, and advance to the one after it. */
  advance(): GeneratorState {
    const state = this.state();
    expectInteger('offset', state.offset + 1, TWO_32 - 1);
    this.#offset += 1;
    return state;
  }
}

/** Return the parameters of one draw of an op. They are functions, so that every replay draws new numbers. */
export function draw(device: Device, generator: Generator): Draw {
  let state = generator.state();
  device.onRun(() => {
    state = generator.advance();
  });
  return {
    seedLow: () => state.seed % TWO_32,
    seedHigh: () => Math.floor(state.seed / TWO_32),
    offset: () => state.offset,
  };
}

function expectInteger(name: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new MathformerError(`Generator: the ${name} ${value} is not an integer from 0 to ${max}`, {
    code: 'GENERATOR_STATE',
    where: 'Generator',
    fix: `use a ${name} in that range`,
  });
}
