/**
 * Possible faults of the values in a buffer. Commands run long after they are encoded, so a fault shows only at a read. Every
 * buffer records doubts about the commands that its values depend on. A read waits until they are settled, and throws the
 * error of the first that is confirmed. So an error affects only dependent values.
 */
import type { MathformerError } from '../base/errors.ts';

/** A possible fault of a command. */
export class Doubt {
  /** The error, if the doubt is confirmed. */
  error: MathformerError | undefined;
  settled = false;
  /** Resolves when the doubt is settled. */
  readonly known: Promise<void>;
  #resolve: () => void = () => {};

  constructor() {
    this.known = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Settle the doubt, with an error if it is confirmed. Only the first call counts. */
  settle(error?: MathformerError): void {
    if (this.settled) return;
    this.error = error;
    this.settled = true;
    this.#resolve();
  }

  /** True if it was settled without an error. */
  get dispelled(): boolean {
    return this.settled && this.error === undefined;
  }
}

/** The doubts about the values of a buffer. */
export type Doubts = ReadonlySet<Doubt>;

/** A buffer with doubts about its values, and about results that use them as indices. */
export interface Doubted {
  doubts: Doubts;
  doubtsAsIndex: Doubts;
}

/** The empty set of doubts. */
export const NO_DOUBTS: Doubts = new Set();

/** Return the doubts about everything that a command reads, and about the command itself. */
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

/** Return the union of both, without dispelled doubts. */
export const withoutDispelled = (a: Doubts, b: Doubts): Doubts =>
  new Set([...a, ...b].filter(({ dispelled }) => !dispelled));

/** Add doubts to the buffers that a command writes. */
export function passOn(doubts: Doubts, targets: Iterable<Doubted>): void {
  if (doubts.size === 0) return;
  for (const buffer of targets) {
    buffer.doubts = buffer.doubts.size === 0 ? doubts : withoutDispelled(buffer.doubts, doubts);
  }
}

/** Wait until all doubts are settled. @throws the error of the first that is confirmed. */
export async function throwIfRight(doubts: Doubts): Promise<void> {
  for (const doubt of doubts) {
    await doubt.known;
    if (doubt.error) throw doubt.error;
  }
}
