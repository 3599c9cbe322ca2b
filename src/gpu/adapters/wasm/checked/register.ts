/**
 * Registers of the interpreter: the value of an expression or a variable in all lanes of a workgroup.
 *
 * A value is a number of 32-bit words: a vector has one for each component, an array or a struct those of its parts. Word `w` of
 * lane `l` is element w·lanes + l, so that an operation is one loop over words and lanes. A bool is 0 or 1.
 */

/** A value in all lanes, and which of its words are undefined. */
export class Register {
  readonly words: number;
  readonly u: Uint32Array;
  readonly i: Int32Array;
  readonly f: Float32Array;
  /** For each element 0 if it is defined, or else the number of the origin (origins.ts). Undefined if all are defined. */
  origins: Uint32Array | undefined;
  #ownOrigins: Uint32Array | undefined;

  constructor(words: number, lanes: number, shared?: { readonly of: Register; readonly word: number }) {
    this.words = words;
    this.u = shared
      ? shared.of.u.subarray(shared.word * lanes, (shared.word + words) * lanes)
      : new Uint32Array(words * lanes);
    this.i = new Int32Array(this.u.buffer, this.u.byteOffset, this.u.length);
    this.f = new Float32Array(this.u.buffer, this.u.byteOffset, this.u.length);
  }

  /** Note that every element is defined. */
  define(): void {
    this.origins = undefined;
  }

  /** Return the origins for writing. They are 0 if every element was defined before. */
  writableOrigins(): Uint32Array {
    if (this.origins === undefined) {
      if (this.#ownOrigins) this.#ownOrigins.fill(0);
      else this.#ownOrigins = new Uint32Array(this.u.length);
      this.origins = this.#ownOrigins;
    }
    return this.origins;
  }
}

/** Number of elements from which `TypedArray.set` is faster than a loop. */
const MANY = 64;

/** Copy elements to a place in an array. */
export function copyElements(from: Uint32Array, to: Uint32Array, first = 0): void {
  const { length } = from;
  if (length >= MANY) to.set(from, first);
  else for (let at = 0; at < length; at++) to[first + at] = from[at];
}

/** Registers for intermediate values of one function. A register that was given back is reused. */
export class RegisterPool {
  readonly #lanes: number;
  readonly #free = new Map<number, Register[]>();

  constructor(lanes: number) {
    this.#lanes = lanes;
  }

  take(words: number): Register {
    return this.#free.get(words)?.pop() ?? new Register(words, this.#lanes);
  }

  giveBack(register: Register): void {
    const free = this.#free.get(register.words);
    if (free) free.push(register);
    else this.#free.set(register.words, [register]);
  }
}
