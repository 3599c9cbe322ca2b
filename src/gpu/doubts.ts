/**
 * What may be wrong with the values in a buffer. Commands run long after they are encoded, so that a mistake shows when
 * something is read. Every buffer knows the doubts about the commands that its values come from; a read waits until
 * they are settled and throws the error of one that was right. So an error ends with what depends on it.
 */
import type { MathformerError } from '../base/errors.ts';

/** A mistake that a command may have made. */
export class Doubt {
  /** What went wrong, once that is known. */
  error: MathformerError | undefined;
  settled = false;
  /** Resolves when it is known. */
  readonly known: Promise<void>;
  #resolve: () => void = () => {};

  constructor() {
    this.known = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Says what went wrong, if anything; the first word counts. */
  settle(error?: MathformerError): void {
    if (this.settled) return;
    this.error = error;
    this.settled = true;
    this.#resolve();
  }

  /** Whether it was settled, and nothing is wrong. */
  get dispelled(): boolean {
    return this.settled && this.error === undefined;
  }
}

/** Those about the values of a buffer. */
export type Doubts = ReadonlySet<Doubt>;

/** A buffer that doubts are noted on: about its values, and about what takes them for indices. */
export interface Doubted {
  doubts: Doubts;
  doubtsAsIndex: Doubts;
}

/** Of buffers that nothing is doubted of. */
export const NO_DOUBTS: Doubts = new Set();

/** The doubts about all that a command reads, and about itself. */
export function doubtsOf(sources: Iterable<Doubted>, own: Iterable<Doubt> = []): Doubts {
  let found: Set<Doubt> | undefined;
  const add = (doubts: Iterable<Doubt>): void => {
    for (const doubt of doubts) {
      if (doubt.dispelled) continue;
      found ??= new Set();
      found.add(doubt);
    }
  };
  add(own);
  for (const buffer of sources) {
    if (buffer.doubts.size > 0) add(buffer.doubts);
    if (buffer.doubtsAsIndex.size > 0) add(buffer.doubtsAsIndex);
  }
  return found ?? NO_DOUBTS;
}

/** Both, but for doubts that nothing came of. */
export const withoutDispelled = (a: Doubts, b: Doubts): Doubts =>
  new Set([...a, ...b].filter(({ dispelled }) => !dispelled));

/** Passes doubts on to what a command writes. */
export function passOn(doubts: Doubts, targets: Iterable<Doubted>): void {
  if (doubts.size === 0) return;
  for (const buffer of targets) {
    buffer.doubts = buffer.doubts.size === 0 ? doubts : withoutDispelled(buffer.doubts, doubts);
  }
}

/** @throws the error of the first of the doubts that was right, when all are settled. */
export async function throwIfRight(doubts: Doubts): Promise<void> {
  for (const doubt of doubts) {
    await doubt.known;
    if (doubt.error) throw doubt.error;
  }
}
