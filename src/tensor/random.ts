/**
 * Where random numbers come from: a counter-based generator (Philox 4×32-10). Every op that draws takes one offset
 * of it, and value i of the result is a function of (seed, offset, i) alone, so that two numbers are the whole state.
 */
import { MathformerError } from '../base/errors.ts';
import { INSPECT } from '../base/inspection.ts';
import type { Device } from '../gpu/device.ts';
import type { Draw } from '../kernels/random.ts';

/** All that a generator is; as JSON in a checkpoint it continues a run with the same numbers. */
export interface GeneratorState {
  readonly seed: number;
  /** Draws made so far. */
  readonly offset: number;
}

const TWO_32 = 2 ** 32;

/** A stream of random numbers, which is all in its seed and the number of draws made. */
export class Generator {
  #seed: number;
  #offset = 0;

  /** @param seed an integer from 0 to 2⁵³ − 1. */
  constructor(seed: number) {
    this.#seed = expectInteger('seed', seed, Number.MAX_SAFE_INTEGER);
  }

  /** The seed and the draws made, in a line. */
  toString(): string {
    return `Generator of seed ${this.#seed} after ${this.#offset} draws`;
  }

  /** What `JSON.stringify` keeps of it. */
  toJSON(): GeneratorState {
    return this.state();
  }

  /** For `console.log` in Node. */
  [INSPECT](): string {
    return this.toString();
  }

  /** What `restore` continues from. */
  state(): GeneratorState {
    return { seed: this.#seed, offset: this.#offset };
  }

  /** Continues from a state. */
  restore({ seed, offset }: GeneratorState): void {
    const next = expectInteger('offset', offset, TWO_32 - 1);
    this.#seed = expectInteger('seed', seed, Number.MAX_SAFE_INTEGER);
    this.#offset = next;
  }

  /** The state that the next draw is made from; advances to the one after it. */
  advance(): GeneratorState {
    const state = this.state();
    expectInteger('offset', state.offset + 1, TWO_32 - 1);
    this.#offset += 1;
    return state;
  }
}

/** One draw for one op: as parameters, so that every replay of a captured step draws anew. */
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
