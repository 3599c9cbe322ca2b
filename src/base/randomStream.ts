/**
 * Random numbers for problems: a stream of Philox words, whose whole state is a small cursor that JSON can hold. Equal cursors
 * give equal numbers on every platform. Any item of any stream can be drawn without drawing the items before it.
 */

import { checkedInteger } from './arguments.ts';
import { philox4x32Into } from './philox.ts';

const TWO_32 = 2 ** 32;
const MAX_LANE = 2 ** 11 - 1;
const MAX_POSITION = 2 ** 34;

/**
 * The position in a stream. `seed` and `item` are non-negative safe integers, `stream` is below 2^32. `lane` (below 2^11)
 * separates independent uses of one item. `position` counts the 32-bit words drawn.
 */
export interface RandomCursor {
  readonly seed: number;
  readonly stream: number;
  readonly lane: number;
  readonly item: number;
  readonly position: number;
}

/** Random numbers from a cursor. */
export class RandomStream {
  private readonly seed: number;
  private readonly stream: number;
  private readonly lane: number;
  private readonly item: number;
  private position: number;
  private readonly block = new Uint32Array(4);
  private readonly key0: number;
  private readonly key1: number;

  /** @throws ArgumentError if a field of the cursor is not an integer in its range. */
  constructor(start: Pick<RandomCursor, 'seed' | 'stream'> & Partial<RandomCursor>) {
    this.seed = checkedInteger('seed', start.seed, 0, Number.MAX_SAFE_INTEGER);
    this.stream = checkedInteger('stream', start.stream, 0, TWO_32 - 1);
    this.lane = checkedInteger('lane', start.lane ?? 0, 0, MAX_LANE);
    this.item = checkedInteger('item', start.item ?? 0, 0, Number.MAX_SAFE_INTEGER);
    this.position = checkedInteger('position', start.position ?? 0, 0, MAX_POSITION);
    this.key0 = this.seed >>> 0;
    // A safe integer has 53 bits, so the upper 11 bits of the key are free for the lane.
    this.key1 = (Math.floor(this.seed / TWO_32) | (this.lane << 21)) >>> 0;
    if (this.position % 4 !== 0) this.fillBlock();
  }

  /** Return the whole state; `new RandomStream(cursor)` resumes from it. */
  cursor(): RandomCursor {
    const { seed, stream, lane, item, position } = this;
    return { seed, stream, lane, item, position };
  }

  /** Draw the next word, uniform over 0 … 2^32 − 1. */
  nextUint32(): number {
    const word = this.position % 4;
    if (word === 0) this.fillBlock();
    this.position++;
    return this.block[word];
  }

  /**
   * Draw an integer, uniform over 0 … bound − 1, without modulo bias (words beyond the last full multiple are redrawn).
   * @throws ArgumentError unless bound is an integer from 1 to 2^32.
   */
  integerBelow(bound: number): number {
    if (!(bound >= 1 && bound <= TWO_32) || !Number.isInteger(bound)) {
      checkedInteger('bound', bound, 1, TWO_32);
    }
    const limit = TWO_32 - (TWO_32 % bound);
    for (;;) {
      const word = this.nextUint32();
      if (word < limit) return word % bound;
    }
  }

  /** Draw an integer, uniform over low … high, both included. */
  integerBetween(low: number, high: number): number {
    return low + this.integerBelow(high - low + 1);
  }

  /** Draw true with the given probability, to 32 bits. */
  bool(probability: number): boolean {
    return this.nextUint32() < probability * TWO_32;
  }

  private fillBlock(): void {
    philox4x32Into(
      this.block,
      Math.floor(this.position / 4),
      this.item >>> 0,
      Math.floor(this.item / TWO_32),
      this.stream,
      this.key0,
      this.key1,
    );
  }
}
