/**
 * Origins of undefined values: reads of memory that was never written. A value that depends on one is undefined, too. That is
 * no fault yet, as kernels read padding and drop it; a fault is a branch, an index or a result that depends on one.
 */
import type { Register } from './register.ts';

/** State of a word of memory: never written, or written with a defined value. Others are numbers of origins. */
export const NEVER_WRITTEN = 0;
export const DEFINED = 1;
const FIRST_ORIGIN = 2;

/** Descriptions of origins, by number. */
export class Origins {
  readonly #descriptions: string[] = [];

  /** Return the number of a new origin. */
  add(description: string): number {
    this.#descriptions.push(description);
    return FIRST_ORIGIN + this.#descriptions.length - 1;
  }

  /** Replace the description of an origin, when the same place makes an undefined value again. */
  update(origin: number, description: string): void {
    this.#descriptions[origin - FIRST_ORIGIN] = description;
  }

  describe(state: number): string {
    if (state === NEVER_WRITTEN) return 'was never written';
    return this.#descriptions[state - FIRST_ORIGIN] ?? 'is undefined';
  }
}

const isDefined = ({ origins }: Register): boolean => origins === undefined;

/**
 * Note which elements of a result are undefined: those of which an operand's element is undefined. An operand of one word counts
 * for every component.
 */
export function joinElements(out: Register, operands: readonly Register[], lanes: number): void {
  const tainted = operands.filter((operand) => !isDefined(operand));
  // The result may be an operand itself.
  const sources = tainted.map(({ origins, words }) => ({ from: origins?.slice() ?? [], words }));
  out.define();
  if (sources.length === 0) return;
  const origins = out.writableOrigins();
  for (const { from, words } of sources) {
    const period = words === 1 ? lanes : origins.length;
    for (let i = 0; i < origins.length; i++) origins[i] ||= from[i % period];
  }
}

/** Note which lanes of a result are undefined: those in which any word of an operand is. */
export function joinLanes(out: Register, operands: readonly Register[], lanes: number): void {
  out.define();
  if (operands.every(isDefined)) return;
  const origins = out.writableOrigins();
  for (const { origins: from } of operands) {
    if (from === undefined) continue;
    for (let i = 0; i < origins.length; i++) {
      for (let at = i % lanes; at < from.length && origins[i] === 0; at += lanes) origins[i] = from[at];
    }
  }
}
